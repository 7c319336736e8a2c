package rsa

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// forEachKernel runs a test on every kernel of every implementation.
func forEachKernel(t *testing.T, f func(*testing.T, *kernel)) {
	for name, kernels := range allKernels() {
		if len(kernels) != len(shapes) {
			t.Errorf("%s has %d shapes", name, len(kernels))
		}
		for i := range kernels {
			k := &kernels[i]
			t.Run(fmt.Sprintf("%s %dx%d", name, k.lanes, k.digits), func(t *testing.T) { f(t, k) })
		}
	}
}

// deal puts one number in each lane.
func (s shape) deal(numbers ...*big.Int) []uint64 {
	out := make([]uint64, s.words())
	for l, x := range numbers {
		x := new(big.Int).Set(x)
		for i := range s.digits {
			out[i*s.lanes+l] = new(big.Int).And(x, big.NewInt(digitMask)).Uint64()
			x.Rsh(x, digitBits)
		}
		if x.Sign() != 0 {
			panic("the number is too long")
		}
	}
	return out
}

// collect is the number in a lane, and whether its digits are proper ones.
func (s shape) collect(x []uint64, lane int) (n *big.Int, proper bool) {
	n, proper = new(big.Int), true
	for i := s.digits - 1; i >= 0; i-- {
		d := x[i*s.lanes+lane]
		proper = proper && d <= digitMask
		n.Lsh(n, digitBits).Add(n, new(big.Int).SetUint64(d))
	}
	for _, w := range x[s.lanes*s.digits:] {
		proper = proper && w == 0
	}
	return n, proper
}

// modulusWords is what modulus.block is, computed in another way.
func (s shape) modulusWords(m ...*big.Int) []uint64 {
	out := make([]uint64, 8)
	base := big.NewInt(1 << digitBits)
	for i := range out {
		x := m[i%s.lanes]
		out[i] = new(big.Int).ModInverse(new(big.Int).Sub(base, new(big.Int).Mod(x, base)), base).Uint64()
	}
	out = append(out, s.deal(m...)...)
	shifted := make([]*big.Int, len(m))
	for i := range m {
		shifted[i] = new(big.Int).Rsh(m[i], digitBits)
	}
	out = append(out, s.deal(shifted...)...)
	return append(out, make([]uint64, s.blockWords()-len(out))...)
}

// edgy numbers have many digits of zeros or ones, where carries run far.
func edgy(r *rand.Rand, bits int) *big.Int {
	x := new(big.Int)
	for range bits/digitBits + 1 {
		d := r.Uint64() & digitMask
		switch r.IntN(4) {
		case 0:
			d = 0
		case 1:
			d = digitMask
		case 2:
			d = 1
		}
		x.Lsh(x, digitBits).Add(x, new(big.Int).SetUint64(d))
	}
	return x.And(x, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(bits)), big.NewInt(1)))
}

func TestKernelMul(t *testing.T) {
	forEachKernel(t, func(t *testing.T, k *kernel) {
		r := rand.New(rand.NewPCG(1, 2))
		for range 200 {
			checkMul(t, k, r)
		}
	})
}

// checkMul multiplies some numbers in all lanes.
func checkMul(t *testing.T, k *kernel, r *rand.Rand) {
	t.Helper()
	bits := k.maxBits() - r.IntN(2)*r.IntN(k.maxBits()-2)
	var m, x, y []*big.Int
	for range k.lanes {
		m = append(m, oddOf(edgy(r, bits), bits))
		x, y = append(x, edgy(r, bits+1)), append(y, edgy(r, bits+1))
	}
	compareMul(t, k, m, x, y, 1+r.IntN(3))
}

// oddOf makes x an odd number of exactly so many bits.
func oddOf(x *big.Int, bits int) *big.Int {
	return x.SetBit(x, 0, 1).SetBit(x, bits-1, 1)
}

// compareMul compares a multiplication and squarings with math/big; x and y are
// taken modulo twice the modulus.
func compareMul(t *testing.T, k *kernel, m, x, y []*big.Int, times int) {
	t.Helper()
	for l := range m {
		double := new(big.Int).Lsh(m[l], 1)
		x[l].Mod(x[l], double)
		y[l].Mod(y[l], double)
	}
	z := k.deal(x...)
	k.mul(z, z, k.deal(y...), k.modulusWords(m...), times)
	R := new(big.Int).Lsh(big.NewInt(1), uint(digitBits*k.digits))
	for l := range m {
		inverse := new(big.Int).ModInverse(R, m[l])
		want := new(big.Int).Mul(x[l], y[l])
		want.Mul(want, inverse).Mod(want, m[l])
		for range times - 1 {
			want.Mul(want, want).Mul(want, inverse).Mod(want, m[l])
		}
		got, proper := k.collect(z, l)
		if !proper || got.Cmp(new(big.Int).Lsh(m[l], 1)) >= 0 || want.Cmp(new(big.Int).Mod(got, m[l])) != 0 {
			t.Fatalf("lane %d: m = %x, x = %x, y = %x, %d times: %x, want %x", l, m[l], x[l], y[l], times, got, want)
		}
	}
}

// TestKernelTwins holds the assembly to give the same digits as its twin, which
// of two numbers that stand for the same it chooses included.
func TestKernelTwins(t *testing.T) {
	forEachKernel(t, func(t *testing.T, k *kernel) {
		r := rand.New(rand.NewPCG(3, 4))
		twin := kernelFor(genericKernels(), k.lanes, k.maxBits())
		for range 100 {
			m := make([]*big.Int, k.lanes)
			for l := range m {
				m[l] = edgy(r, k.maxBits())
				m[l].SetBit(m[l], 0, 1)
			}
			words := k.modulusWords(m...)
			// Any digits will do: what overflows the last one is lost in both.
			x, y := k.deal(), k.deal()
			for i := range k.lanes * k.digits {
				x[i], y[i] = r.Uint64()&digitMask, r.Uint64()&digitMask
			}
			for l := range k.lanes { // keep the result below R
				x[(k.digits-1)*k.lanes+l] &= 7
			}
			if r.IntN(2) == 0 {
				y = x
			}
			a, b := make([]uint64, k.words()), make([]uint64, k.words())
			k.mul(a, x, y, words, 1)
			twin.mul(b, x, y, words, 1)
			if !slices.Equal(a, b) {
				t.Fatalf("x = %x, y = %x, m = %x: %x, twin %x", x, y, words, a, b)
			}
		}
	})
}

func TestKernelPick(t *testing.T) {
	forEachKernel(t, func(t *testing.T, k *kernel) {
		if k.lanes == 1 {
			return
		}
		n := k.words()
		table := make([]uint64, k.tableSize()*n)
		for i := range table {
			table[i] = rand.Uint64()
		}
		z := make([]uint64, n)
		for range 100 {
			var index [8]uint64
			for i := range index {
				if index[i] = rand.Uint64N(uint64(k.tableSize())); i >= k.lanes {
					index[i] = index[i-k.lanes]
				}
			}
			k.pick(z, table, &index)
			for i := range z {
				if z[i] != table[int(index[i%8])*n+i] {
					t.Fatalf("index %d, word %d", index, i)
				}
			}
		}
	})
}
