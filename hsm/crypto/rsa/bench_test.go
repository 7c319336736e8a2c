package rsa

import (
	"crypto"
	cryptorand "crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkPrivate has one private-key operation on every path, and a signature
// of crypto/rsa beside them.
func BenchmarkPrivate(b *testing.B) {
	for _, bits := range []int{2048, 3072, 4096} {
		k := testKeyOf(b, bits)
		for _, name := range []string{"avx512ifma", "portable"} {
			kernels, have := implementations()[name]
			if !have {
				continue
			}
			raw, err := newPrivateKey(k, kernels)
			if err != nil {
				b.Fatal(err)
			}
			c := k.Primes[0].FillBytes(make([]byte, k.Size()))
			b.Run(fmt.Sprintf("bits=%d/path=%s", bits, name), func(b *testing.B) {
				for b.Loop() {
					if _, err := raw.decrypt(c); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		digest := sha256.Sum256(nil)
		b.Run(fmt.Sprintf("bits=%d/path=crypto-rsa", bits), func(b *testing.B) {
			for b.Loop() {
				if _, err := rsa.SignPKCS1v15(nil, k, crypto.SHA256, digest[:]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkThreads has private operations of several threads through the queue and,
// in turns with that, each alone on the kernel of two lanes: operations in a second of
// both, and how many times as fast the queue is, by the clock and by the time that
// processors worked, which other programs disturb less.
func BenchmarkThreads(b *testing.B) {
	if kernels == nil {
		b.Skip("there is no accelerated path")
	}
	for _, bits := range []int{2048, 3072, 4096} {
		k := prepared(b, testKeyOf(b, bits), kernels)
		c := k.public.encrypt(make([]byte, k.size))
		for _, threads := range []int{1, 2, 8, 32} {
			b.Run(fmt.Sprintf("bits=%d/threads=%d", bits, threads), func(b *testing.B) {
				const turn = 256
				var queued, alone spent
				for at := 0; at < b.N; at += turn {
					queued.threads(threads, turn, func() { k.decrypt(nil, c) })
					alone.threads(threads, turn, func() { doAlone(k, c) })
				}
				n := float64((b.N + turn - 1) / turn * turn)
				b.ReportMetric(n/queued.clock.Seconds(), "queued/s")
				b.ReportMetric(n/alone.clock.Seconds(), "alone/s")
				b.ReportMetric(alone.clock.Seconds()/queued.clock.Seconds(), "ratio")
				b.ReportMetric(alone.work.Seconds()/queued.work.Seconds(), "ratio-cpu")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// spent is time by the clock, and time that processors worked for this process.
type spent struct{ clock, work time.Duration }

// threads adds what n calls take that so many threads make.
func (s *spent) threads(threads, n int, f func()) {
	var group sync.WaitGroup
	var calls atomic.Int64
	clock, work := time.Now(), workDone()
	for range threads {
		group.Go(func() {
			for calls.Add(1) <= int64(n) {
				f()
			}
		})
	}
	group.Wait()
	s.clock += time.Since(clock)
	s.work += workDone() - work
}

func workDone() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkGenerateKey makes keys in turns on the accelerated path and by crypto/rsa:
// medians of the processors' time, and how many times as fast the first is.
func BenchmarkGenerateKey(b *testing.B) {
	for _, bits := range []int{2048, 3072, 4096} {
		k := kernelFor(kernels, wide, bits/2)
		if k == nil {
			b.Skip("there is no accelerated path")
		}
		b.Run(fmt.Sprintf("bits=%d", bits), func(b *testing.B) {
			var times [2][]time.Duration
			for range max(b.N, 20) {
				for i, make := range []func() (*rsa.PrivateKey, error){
					func() (*rsa.PrivateKey, error) { return generateKey(kernels, k, cryptorand.Reader, bits) },
					func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(cryptorand.Reader, bits) },
				} {
					work := workDone()
					if _, err := make(); err != nil {
						b.Fatal(err)
					}
					times[i] = append(times[i], workDone()-work)
				}
			}
			var median [2]float64
			for i := range times {
				slices.Sort(times[i])
				median[i] = times[i][len(times[i])/2].Seconds()
			}
			b.ReportMetric(1000*median[0], "ms")
			b.ReportMetric(1000*median[1], "ms-crypto-rsa")
			b.ReportMetric(median[1]/median[0], "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkNewPrivateKey is what it costs to make a key ready.
func BenchmarkNewPrivateKey(b *testing.B) {
	k := testKeyOf(b, 2048)
	for name, kernels := range implementations() {
		b.Run("path="+name, func(b *testing.B) {
			for b.Loop() {
				if _, err := newPrivateKey(k, kernels); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMul has five squarings, as between two windows of an exponent.
func BenchmarkMul(b *testing.B) {
	for name, kernels := range allKernels() {
		for i := range kernels {
			k := &kernels[i]
			r := rand.New(rand.NewPCG(5, 6))
			m := make([]*big.Int, k.lanes)
			for l := range m {
				m[l] = edgy(r, k.maxBits())
				m[l].SetBit(m[l], 0, 1)
			}
			words, z := k.modulusWords(m...), k.deal(m...)
			b.Run(fmt.Sprintf("shape=%dx%d/path=%s", k.lanes, k.digits, name), func(b *testing.B) {
				for b.Loop() {
					k.mul(z, z, z, words, 5)
				}
			})
		}
	}
}
