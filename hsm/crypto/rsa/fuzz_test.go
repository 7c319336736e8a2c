package rsa

import (
	"bytes"
	"math/big"
	"testing"
)

// FuzzKernelMul compares every implementation of a kernel with math/big. The
// numbers are cut from data, over and over: the moduli first, then the factors.
func FuzzKernelMul(f *testing.F) {
	f.Add(uint8(3), uint16(1024), uint8(1), []byte{0xff})
	f.Add(uint8(0), uint16(2048), uint8(5), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, shape uint8, length uint16, times uint8, data []byte) {
		for _, kernels := range allKernels() {
			k := &kernels[int(shape)%len(kernels)]
			bits := 2 + int(length)%(k.maxBits()-1)
			if len(data) == 0 {
				data = []byte{0}
			}
			stream := bytes.Repeat(data, 3*k.lanes*(bits/8+2)/len(data)+1)
			next := func() *big.Int {
				x := new(big.Int).SetBytes(stream[:bits/8+1])
				stream = stream[bits/8+2:]
				return x
			}
			m, x, y := make([]*big.Int, k.lanes), make([]*big.Int, k.lanes), make([]*big.Int, k.lanes)
			for _, numbers := range [][]*big.Int{m, x, y} {
				for l := range numbers {
					numbers[l] = next()
				}
			}
			for l := range m {
				m[l] = oddOf(m[l].Rsh(m[l], uint(max(0, m[l].BitLen()-bits))), bits)
			}
			compareMul(t, k, m, x, y, 1+int(times)%8)
		}
	})
}

// FuzzDecrypt compares private operations on every path with each other.
func FuzzDecrypt(f *testing.F) {
	key := testKeyOf(f, 3072)
	all := map[string]*PrivateKey{}
	paths := implementations()
	delete(paths, "generic") // takes long, and has its own test above
	for name, kernels := range paths {
		k, err := newPrivateKey(key, kernels)
		if err != nil {
			f.Fatal(err)
		}
		all[name] = k
	}
	f.Add([]byte{0})
	f.Add(key.Primes[0].Bytes())
	f.Add(new(big.Int).Sub(key.N, big.NewInt(1)).Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		c := new(big.Int).Mod(new(big.Int).SetBytes(data), key.N).Bytes()
		want, err := all["portable"].Decrypt(c)
		if err != nil {
			t.Fatal(err)
		}
		for name, k := range all {
			if got, err := k.Decrypt(c); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %x: %x, %v, want %x", name, c, got, err, want)
			}
		}
	})
}

// FuzzBatch compares batches of different keys with each of their operations alone.
// The numbers are cut from data, as many as there are and at most four.
func FuzzBatch(f *testing.F) {
	kernels := queueKernels()
	var keys [3]*crtKey
	for i, k := range batchKeys(f, batchPrimes[0]) {
		keys[i] = prepared(f, k, kernels)
	}
	b := keys[0].scheduler.(*queue).batcher
	f.Add(uint8(27), bytes.Repeat([]byte{0xff, 0}, 400))
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		var ops []*operation
		for len(ops) < batchSize && (len(ops) == 0 || len(data) > 0) {
			k := keys[which%3]
			n := min(len(data), k.size-1) // below n
			ops = append(ops, newOperation(k, data[:n]))
			data, which = data[n:], which/3
		}
		b.run(ops)
		for i, op := range ops {
			want, err := doAlone(op.key, op.c)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := op.result(); err != nil || !bytes.Equal(got, want) {
				t.Errorf("operation %d of %d, %x: %x, %v, want %x", i, len(ops), op.c, got, err, want)
			}
		}
	})
}
