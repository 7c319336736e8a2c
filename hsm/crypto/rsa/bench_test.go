package rsa

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
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
					k.mul(z, z, z, words, windowBits)
				}
			})
		}
	}
}
