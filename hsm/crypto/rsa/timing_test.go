package rsa

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// BenchmarkTiming looks for a timing leak of exponentiation in the manner of
// dudect (Reparaz, Balasch, Verbauwhede 2017): it times one fixed exponent and
// random ones in random order and reports Welch's t of the two samples. A value
// above 10 that stays when it is repeated is a leak. It is a report: a busy
// machine is no fault of the code.
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
				b.ReportMetric(math.Abs(timingT(p, fixed, max(b.N, 500))), "|t|")
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
	var samples [2][]float64
	for range n {
		class := rand.IntN(2)
		for i := range e {
			if e[i] = fixed; class == 1 {
				e[i] = byte(rand.IntN(k.tableSize()))
			}
		}
		for l := range k.lanes {
			x[l] = rand.Uint64() & digitMask
		}
		start := time.Now()
		k.exp(z, x, e, table)
		samples[class] = append(samples[class], float64(time.Since(start)))
	}
	return welch(cropped(samples))
}

// cropped leaves out what took longer than the median of all, which is what the
// machine did besides.
func cropped(samples [2][]float64) [2][]float64 {
	all := slices.Sorted(slices.Values(slices.Concat(samples[0], samples[1])))
	for i, s := range samples {
		samples[i] = slices.DeleteFunc(s, func(x float64) bool { return x > all[len(all)/2] })
	}
	return samples
}

// welch is the t statistic of two samples of unequal variance.
func welch(samples [2][]float64) float64 {
	var mean, err [2]float64
	for i, s := range samples {
		for _, x := range s {
			mean[i] += x / float64(len(s))
		}
		for _, x := range s {
			err[i] += (x - mean[i]) * (x - mean[i]) / float64(len(s)) / float64(len(s)-1)
		}
	}
	return (mean[0] - mean[1]) / math.Sqrt(err[0]+err[1])
}
