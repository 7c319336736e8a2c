//go:build race

package rsa

// underRace says that sync.Pool drops things at random, as it does for the race detector.
const underRace = true
