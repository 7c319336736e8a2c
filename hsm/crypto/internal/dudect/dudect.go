// Package dudect is for reports on the timing of secret-dependent code, in the manner of
// dudect (Reparaz, Balasch, Verbauwhede 2017): it times one class of inputs against
// another in random order. What it finds is a report and no gate: a busy machine is no
// fault of the code.
package dudect

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Measure takes n samples of the time of run, before each of which set makes an input of
// class 0 or 1, and returns the absolute value of Welch's t of the two. A value above 10
// that stays when it is repeated is a leak.
func Measure(n int, set func(class int), run func()) float64 {
	var samples [2][]float64
	for range n {
		class := rand.IntN(2)
		set(class)
		start := time.Now()
		run()
		samples[class] = append(samples[class], float64(time.Since(start)))
	}
	return math.Abs(welch(cropped(samples)))
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
