// Package storetest has the twins of a disk that tests of durability need: Watch
// sees, delays and refuses the real system calls of a process that change files,
// whoever makes them, and Disk says from a record of them what a loss of power
// may have left.
package storetest
