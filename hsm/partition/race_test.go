//go:build race

package partition

// underRace says that the race detector slows everything down.
const underRace = true
