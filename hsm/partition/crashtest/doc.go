// Package crashtest holds what a partition promises of its disk against real
// processes, real system calls and losses of power: what was acknowledged is there,
// and what was not is absent or whole. There are tests in it and nothing else.
package crashtest
