package rsa

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
)

// inBatches makes kernels do every private operation on the kernel of eight lanes.
func inBatches(kernels []kernel) []kernel {
	for i := range kernels {
		if q, ok := kernels[i].scheduler.(*queue); ok {
			kernels[i].scheduler = amongOthers{q.batcher}
		}
	}
	return kernels
}

// amongOthers does an operation somewhere in a batch of others with the same key.
type amongOthers struct{ *batcher }

func (s amongOthers) do(k *crtKey, dst, c []byte) ([]byte, error) {
	ops := make([]*operation, 1+rand.IntN(batchSize))
	for i := range ops {
		ops[i] = newOperation(k, make([]byte, k.size))
	}
	op := newOperation(k, c)
	ops[rand.IntN(len(ops))] = op
	s.run(ops)
	return op.result(dst)
}

func newOperation(k *crtKey, c []byte) *operation {
	return &operation{key: k, c: c, m: make([]byte, k.size), err: errFault}
}

// doAlone does an operation on the kernel of two lanes.
func doAlone(k *crtKey, c []byte) ([]byte, error) {
	op := newOperation(k, c)
	op.alone()
	return op.result(nil)
}

// batchPrimes are three primes of one length for every size of private kernel.
var batchPrimes = [][3]near{
	{{1036, -1127}, {1036, -1259}, {1036, 3363}},
	{{1556, -245}, {1556, -545}, {1556, 11}},
	{{2076, -465}, {2076, -1995}, {2076, 911}},
}

// batchKeys are three keys of one class.
func batchKeys(t testing.TB, primes [3]near) (keys [3]*rsa.PrivateKey) {
	for i := range keys {
		keys[i] = keyOf(t, primes[i].prime(), primes[(i+1)%3].prime())
	}
	return keys
}

// prepared makes a key ready for the accelerated path.
func prepared(t testing.TB, k *rsa.PrivateKey, kernels []kernel) *crtKey {
	t.Helper()
	raw, err := newPrivateKey(k, kernels)
	if err != nil {
		t.Fatal(err)
	}
	return raw.private.(*crtKey)
}

// forEachBatcher runs a test with three keys that may share a batch, for each size
// and implementation.
func forEachBatcher(t *testing.T, f func(*testing.T, *batcher, [3]*rsa.PrivateKey, []kernel)) {
	for name, kernels := range allKernels() {
		for _, primes := range batchPrimes {
			t.Run(fmt.Sprintf("%s, %d bits", name, primes[0].bits), func(t *testing.T) {
				keys := batchKeys(t, primes)
				f(t, prepared(t, keys[0], kernels).scheduler.(*queue).batcher, keys, kernels)
			})
		}
	}
}

// TestBatch has batches of one to four operations with different keys and numbers,
// extreme ones too, against math/big.
func TestBatch(t *testing.T) {
	forEachBatcher(t, func(t *testing.T, b *batcher, keys [3]*rsa.PrivateKey, kernels []kernel) {
		r := rand.New(rand.NewPCG(9, 10))
		for n := 1; n <= batchSize; n++ {
			if kernels[0].name == "generic" && n != batchMin {
				continue // it is slow
			}
			var ops []*operation
			var want []*big.Int
			for range n {
				k := keys[r.IntN(3)]
				numbers := append(extremes(k.N), edgy(r, k.N.BitLen()-1))
				m := numbers[r.IntN(len(numbers))]
				c := new(big.Int).Exp(m, big.NewInt(int64(k.E)), k.N)
				ops = append(ops, newOperation(prepared(t, k, kernels), c.Bytes()))
				want = append(want, m)
			}
			b.run(ops)
			for i, op := range ops {
				if got, err := op.result(nil); err != nil || new(big.Int).SetBytes(got).Cmp(want[i]) != 0 {
					t.Errorf("%d of %d: %v", i, n, err)
				}
			}
		}
	})
}

// TestBatchFault: a damaged key spoils its own operation and none beside it.
func TestBatchFault(t *testing.T) {
	forEachBatcher(t, func(t *testing.T, b *batcher, keys [3]*rsa.PrivateKey, kernels []kernel) {
		for damage, do := range fastDamages {
			if kernels[0].name == "generic" && damage != "dP" {
				continue // it is slow
			}
			bad := rand.IntN(batchSize)
			var ops []*operation
			for i := range batchSize {
				k := prepared(t, keys[i%3], kernels)
				if i == bad && damage != "e" { // e is what the keys of a batch agree on
					do(k)
				}
				ops = append(ops, newOperation(k, bytes.Repeat([]byte{42}, k.size-1)))
			}
			b.run(ops)
			for i, op := range ops {
				m, err := op.result(nil)
				if i == bad && damage != "e" {
					if !errors.Is(err, errFault) || m != nil || !allZero(op.m) {
						t.Errorf("%s: %v", damage, err)
					}
				} else if err != nil {
					t.Errorf("%s: operation %d beside the damaged one: %v", damage, i, err)
				}
			}
		}
	})
}

// TestBatchLeavesNothing: what a batch works in is wiped.
func TestBatchLeavesNothing(t *testing.T) {
	forEachBatcher(t, func(t *testing.T, b *batcher, keys [3]*rsa.PrivateKey, kernels []kernel) {
		var rooms []*room
		made := b.rooms.New
		b.rooms.New = func() any {
			r := made().(*room)
			rooms = append(rooms, r)
			return r
		}
		k := prepared(t, keys[0], kernels)
		b.run([]*operation{newOperation(k, []byte{2}), newOperation(k, []byte{3})})
		for _, r := range rooms {
			for _, w := range r.words {
				if w != 0 {
					t.Fatal("words are left behind")
				}
			}
			if !allZero(r.e[:cap(r.e)]) {
				t.Error("an exponent is left behind")
			}
		}
	})
}
