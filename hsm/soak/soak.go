// Package soak says to tests how long they go on, and from what seed. Nothing but tests
// imports it.
//
//	COFFER_SOAK=1   the long forms (make soak)
//	COFFER_SEED=n   the seed that a failure has told
package soak

import (
	"math/rand/v2"
	"os"
	"strconv"
)

// Long reports whether the long forms are asked for.
var Long = os.Getenv("COFFER_SOAK") == "1"

// Or is long in the long form, and short otherwise.
func Or[T any](long, short T) T {
	if Long {
		return long
	}
	return short
}

// Test is what of a testing.TB Random needs.
type Test interface {
	Cleanup(func())
	Failed() bool
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

// Random is a source of random choices for a test, which tells its seed if it fails.
// Where processes race each other the same seed makes the same choices, and not the same
// race.
func Random(t Test) *rand.Rand {
	seed := rand.Uint64()
	if given := os.Getenv("COFFER_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatalf("COFFER_SEED: %v", err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("COFFER_SEED=%d makes the same choices", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}
