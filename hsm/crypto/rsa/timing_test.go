package rsa

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/crypto/internal/dudect"
)

// BenchmarkTiming looks for a timing leak of exponentiation: it times one fixed exponent
// against random ones. It is a report.
func BenchmarkTiming(b *testing.B) {
	key := testKeyOf(b, 2048)
	timed := kernels
	if timed == nil {
		timed = genericKernels()
	}
	k := prepared(b, key, timed)
	paths := map[string]*primes{"two": &k.primes}
	if q, ok := k.scheduler.(*queue); ok {
		op := newOperation(k, nil)
		words := make(cutter, q.private.batchWords())
		paths["eight"] = q.primes([]*operation{op, op, op, op}, make(exponent, wide/2*len(k.wideE)), &words)
	}
	for lanes, p := range paths {
		for _, fixed := range []byte{0, 1, 15} {
			b.Run(fmt.Sprintf("lanes=%s/window=%d", lanes, fixed), func(b *testing.B) {
				b.ReportMetric(timingT(p, fixed, max(b.N, 500)), "|t|")
			})
		}
	}
}

// timingT takes n samples of exponents that consist of one window over and over,
// and of random ones.
func timingT(k *primes, fixed byte, n int) float64 {
	x, z := make([]uint64, k.words()), make([]uint64, k.words())
	table := make([]uint64, k.expWords())
	e := make(exponent, len(k.e))
	return dudect.Measure(n, func(class int) {
		random := byte(-class) // a mask: to make either class takes the same
		for i := range e {
			e[i] = byte(rand.IntN(k.tableSize()))&random | fixed&^random
		}
		for l := range k.lanes {
			x[l] = rand.Uint64() & digitMask
		}
	}, func() { k.exp(z, x, e, table) })
}
