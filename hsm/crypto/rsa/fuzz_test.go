package rsa

import (
	"crypto/rsa"
	"math/big"
	"testing"
)

// numbers are cut from data, over and over: the bytes of so many bits, then one that is
// left out.
func numbers(data []byte, bits int) func() *big.Int {
	if len(data) == 0 {
		data = []byte{0}
	}
	at := 0
	return func() *big.Int {
		b := make([]byte, bits/8+1)
		for i := range b {
			b[i] = data[(at+i)%len(data)]
		}
		at += len(b) + 1
		return new(big.Int).SetBytes(b)
	}
}

// several are n of them, and moduli are n that are odd and have so many bits.
func several(n int, next func() *big.Int) []*big.Int {
	all := make([]*big.Int, n)
	for i := range all {
		all[i] = next()
	}
	return all
}

func moduli(n, bits int, next func() *big.Int) []*big.Int {
	all := several(n, next)
	for _, m := range all {
		oddOf(m.Rsh(m, uint(max(0, m.BitLen()-bits))), bits)
	}
	return all
}

// FuzzKernelMul compares every implementation of a kernel with math/big. The
// numbers are cut from data: the moduli first, then the factors.
func FuzzKernelMul(f *testing.F) {
	f.Add(uint8(3), uint16(1024), uint8(1), []byte{0xff})
	f.Add(uint8(0), uint16(2048), uint8(5), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, shape uint8, length uint16, times uint8, data []byte) {
		for _, kernels := range allKernels() {
			k := &kernels[int(shape)%len(kernels)]
			bits := 2 + int(length)%(k.maxBits()-1)
			next := numbers(data, bits)
			m, x, y := moduli(k.lanes, bits, next), several(k.lanes, next), several(k.lanes, next)
			compareMul(t, k, m, x, y, 1+int(times)%8)
		}
	})
}

// FuzzExp compares the exponentiation of private keys, with the windows that it looks up,
// with math/big's, of every implementation: in each lane other numbers.
func FuzzExp(f *testing.F) {
	f.Add(uint8(0), uint16(1024), uint8(64), []byte{0xff})
	f.Add(uint8(5), uint16(1536), uint8(255), []byte{0xff, 0, 0xaa, 0x55, 1, 0xfe, 0x80})
	f.Fuzz(func(t *testing.T, shape uint8, length uint16, exponent uint8, data []byte) {
		for name, kernels := range allKernels() {
			k := &kernels[3+int(shape)%(len(kernels)-3)] // those of one lane are for public keys
			if name == "generic" && k.digits > 30 {
				continue // it is slow
			}
			bits, size := 2+int(length)%(k.maxBits()-1), 1+int(exponent)
			next := numbers(data, bits)
			m, x := moduli(k.lanes, bits, next), several(k.lanes, next)
			e := several(k.lanes, numbers(data, size))
			for l := range m {
				x[l].Mod(x[l], m[l])
				e[l].Rsh(e[l], uint(max(0, e[l].BitLen()-size)))
			}
			compareExp(t, k, m, x, e, size)
		}
	})
}

// compareExp has exponents of at most size bits. The bases are taken in Montgomery form.
func compareExp(t *testing.T, k *kernel, m, x, e []*big.Int, size int) {
	t.Helper()
	encoded, exponents := make([][]byte, k.lanes), make([][]byte, k.lanes)
	for l := range m {
		encoded[l], exponents[l] = m[l].Bytes(), e[l].Bytes()
	}
	mod, z := newModulus(k, encoded...), make([]uint64, k.words())
	mod.exp(z, k.deal(x...), newExponent(k.window(), size, exponents...), make([]uint64, k.expWords()))
	mod.reduce(z, mod.m)
	R := new(big.Int).Lsh(big.NewInt(1), uint(digitBits*k.digits))
	for l := range m {
		base := new(big.Int).ModInverse(R, m[l])
		base.Mul(base, x[l]).Mod(base, m[l])
		want := base.Exp(base, e[l], m[l])
		want.Mul(want, R).Mod(want, m[l])
		if got, proper := k.collect(z, l); !proper || got.Cmp(want) != 0 {
			t.Fatalf("lane %d: m = %x, x = %x, e = %x: %x, want %x", l, m[l], x[l], e[l], got, want)
		}
	}
}

// FuzzPublic compares public operations on every path with math/big, with any odd modulus
// and exponent: up to the length of the longest kernel and somewhat past it.
func FuzzPublic(f *testing.F) {
	f.Add(uint16(2048), uint64(65537), []byte{0xff})
	f.Add(uint16(4094), uint64(1<<62-1), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, length uint16, exponent uint64, data []byte) {
		bits := 2 + int(length)%4200
		next := numbers(data, bits)
		n := moduli(1, bits, next)[0]
		m := next()
		m.Mod(m, n)
		e := int(exponent&(1<<62-1)) | 1
		if e == 1 {
			e = 3
		}
		want := new(big.Int).Exp(m, big.NewInt(int64(e)), n)
		paths := allKernels()
		paths["portable"] = nil
		for name, kernels := range paths {
			k, err := newPublicKey(&rsa.PublicKey{N: n, E: e}, kernels)
			if err != nil {
				t.Fatal(err)
			}
			got, err := k.encrypt(m.Bytes())
			if err != nil || len(got) != k.Size() || want.Cmp(new(big.Int).SetBytes(got)) != 0 {
				t.Errorf("%s: n = %x, m = %x, e = %d: %x, %v, want %x", name, n, m, e, got, err, want)
			}
		}
	})
}
