package rsa

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/crypto/wait"
)

// heldQueue is a queue whose places are all taken, so that a test decides when who waits
// goes on.
func heldQueue(t *testing.T, k *crtKey) *queue {
	q := &queue{batcher: k.scheduler.(*queue).batcher, running: wait.Processors()}
	t.Cleanup(func() {
		if q.running != 0 || len(q.waiting) != 0 {
			t.Errorf("%d places are taken and %d wait at the end", q.running, len(q.waiting))
		}
	})
	return q
}

// eachWay runs a test with callers that are goroutines and with such that are threads of
// a host.
func eachWay(t *testing.T, f func(*testing.T)) {
	for name, threads := range map[string]bool{"goroutines": false, "threads": true} {
		t.Run(name, func(t *testing.T) {
			wait.Threads(threads)
			defer wait.Threads(false)
			f(t)
		})
	}
}

// release gives all places back.
func (q *queue) release() {
	for range wait.Processors() {
		q.leave()
	}
}

// await waits until so many operations wait.
func (q *queue) await(t *testing.T, n int) {
	t.Helper()
	for range 10000 {
		q.mu.Lock()
		waiting := len(q.waiting)
		q.mu.Unlock()
		if waiting == n {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%d operations never wait", n)
}

// queuedKeys are keys of two classes that share a queue.
func queuedKeys(t *testing.T) []*rsa.PrivateKey {
	keys := batchKeys(t, batchPrimes[0])
	return append(keys[:], testKeyOf(t, 2048))
}

// queueKernels are the fastest that this machine has.
func queueKernels() []kernel {
	if k := assemblyKernels(); k != nil {
		return k
	}
	return genericKernels()
}

// TestQueueBatchesGoroutines: what waits is done, in batches of one class each.
func TestQueueBatchesGoroutines(t *testing.T) { eachWay(t, checkQueueBatches) }

func checkQueueBatches(t *testing.T) {
	kernels := queueKernels()
	keys := queuedKeys(t)
	ready := make([]*crtKey, len(keys))
	for i, k := range keys {
		ready[i] = prepared(t, k, kernels)
	}
	for n := range 12 {
		q := heldQueue(t, ready[0])
		var group sync.WaitGroup
		for i := range n {
			group.Go(func() { checkQueued(t, q, keys[i%len(keys)], ready[i%len(keys)], int64(i)) })
		}
		q.await(t, n)
		q.release()
		group.Wait()
	}
}

// checkQueued has an operation done that gives m.
func checkQueued(t *testing.T, s scheduler, k *rsa.PrivateKey, ready *crtKey, m int64) {
	want := big.NewInt(m)
	c := new(big.Int).Exp(want, big.NewInt(int64(k.E)), k.N)
	got, err := s.do(ready, nil, c.Bytes())
	if err != nil || new(big.Int).SetBytes(got).Cmp(want) != 0 {
		t.Errorf("%d: %x, %v", m, got, err)
	}
}

// TestQueueTakes: who leads takes the oldest of its class, and those alone that are
// too few; the others keep their order.
func TestQueueTakes(t *testing.T) {
	a, b := &crtKey{public: &publicModulus{e: 3}}, &crtKey{public: &publicModulus{e: 5}}
	for _, test := range []struct{ leader, waiting, taken, left string }{
		{"a", "", "", ""}, {"a", "a", "", "a"}, {"a", "bbbb", "", "bbbb"}, {"a", "bab", "", "bab"},
		{"a", "aa", "aa", ""}, {"a", "aaaaa", "aaa", "aa"}, {"b", "abaabbb", "bbb", "aaab"},
	} {
		keys := map[rune]*crtKey{'a': a, 'b': b}
		names := map[*crtKey]string{a: "a", b: "b"}
		var q queue
		var order []*waiter
		for _, name := range test.waiting {
			w := &waiter{operation: operation{key: keys[name]}}
			q.waiting, order = append(q.waiting, w), append(order, w)
		}
		leader := &waiter{operation: operation{key: keys[rune(test.leader[0])]}}
		all := [batchSize]*waiter{leader}
		batch := all[:q.take(&all)]
		spell := func(all []*waiter) (s string) {
			at := 0
			for _, w := range all {
				for ; order[at] != w; at++ { // fails if they are out of order
				}
				s += names[w.key]
			}
			return s
		}
		if batch[0] != leader || spell(batch[1:]) != test.taken || spell(q.waiting) != test.left {
			t.Errorf("%+v: took %s, left %s", test, spell(batch[1:]), spell(q.waiting))
		}
	}
}

// TestQueueLone: who finds a place free takes it, whoever waits, and the queue
// allocates nothing for it.
func TestQueueLone(t *testing.T) {
	k := prepared(t, testKeyOf(t, 2048), queueKernels())
	q := &queue{batcher: k.scheduler.(*queue).batcher}
	c := []byte{2}
	through := testing.AllocsPerRun(20, func() { q.do(k, nil, c) })
	alone := testing.AllocsPerRun(20, func() { doAlone(k, c) })
	if through > alone && !underRace {
		t.Errorf("%v allocations through the queue, %v alone", through, alone)
	}
	if q.running != 0 {
		t.Error("a place is left taken")
	}
}

// TestSignaturesAllocateNothing: but for the states of the hashes of PSS.
func TestSignaturesAllocateNothing(t *testing.T) {
	k, err := newPrivateKey(testKeyOf(t, 2048), queueKernels())
	if err != nil {
		t.Fatal(err)
	}
	dst, digest := make([]byte, 0, 256), make([]byte, 32)
	pss := PSS{Hash: sha256.New, MGF: sha256.New, SaltLen: 32}
	for name, c := range map[string]struct {
		sign func() ([]byte, error)
		most float64
	}{
		"PKCS #1 v1.5": {func() ([]byte, error) { return k.SignPKCS1v15(dst, crypto.SHA256, digest) }, 0},
		"PSS":          {func() ([]byte, error) { return pss.Sign(dst, k, digest) }, 2},
	} {
		got := testing.AllocsPerRun(20, func() {
			if sig, err := c.sign(); err != nil || &sig[0] != &dst[:1][0] {
				t.Fatal(name, err)
			}
		})
		if got > c.most && !underRace {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}

// TestNothingLeftBehind: what is kept for the next operation is wiped, and a result that
// is wrong is never where the caller can see it.
func TestNothingLeftBehind(t *testing.T) {
	k := prepared(t, testKeyOf(t, 2048), queueKernels())
	for _, damage := range []uint64{0, 1} {
		k.rr[5] ^= damage
		op, dst := newOperation(k, []byte{2}), make([]byte, k.size)
		op.alone()
		if _, err := op.result(dst[:0]); (err == nil) != (damage == 0) || allZero(dst) != (err != nil) {
			t.Errorf("damage %d: %v, %x", damage, err, dst)
		}
		if !allZero(op.m) {
			t.Errorf("damage %d: the result is left behind", damage)
		}
	}
	b := borrowBytes(32)
	copy(*b, "an encoded message")
	if giveBackBytes(b); !allZero((*b)[:cap(*b)]) {
		t.Error("bytes are left in a buffer")
	}
}

// TestQueueFault: an operation that goes wrong in a batch fails alone.
func TestQueueFault(t *testing.T) { eachWay(t, checkQueueFault) }

func checkQueueFault(t *testing.T) {
	kernels := queueKernels()
	keys := batchKeys(t, batchPrimes[0])
	good, bad := prepared(t, keys[0], kernels), prepared(t, keys[1], kernels)
	bad.rr[5] ^= 1
	q := heldQueue(t, good)
	var group sync.WaitGroup
	for i := range 7 {
		group.Go(func() { checkQueued(t, q, keys[0], good, int64(i)) })
	}
	group.Go(func() {
		if _, err := q.do(bad, nil, []byte{2}); !errors.Is(err, errFault) {
			t.Errorf("a damaged key: %v", err)
		}
	})
	q.await(t, 8)
	q.release()
	group.Wait()
}

// TestQueuePanicThreads: a panic, of whoever leads, leaves nobody waiting and no
// place taken. Those whose operation it spoilt are told that it failed.
func TestQueuePanicThreads(t *testing.T) { eachWay(t, checkQueuePanic) }

func checkQueuePanic(t *testing.T) {
	kernels := queueKernels()
	keys := batchKeys(t, batchPrimes[0])
	good, broken := prepared(t, keys[0], kernels), prepared(t, keys[1], kernels)
	broken.q = nil
	q := heldQueue(t, good)
	var group sync.WaitGroup
	for i := range 12 {
		k := good
		if i%4 == 0 {
			k = broken
		}
		group.Go(func() {
			defer func() { recover() }()
			if _, err := q.do(k, nil, []byte{2}); err != nil && !errors.Is(err, errFault) {
				t.Error(err)
			}
		})
	}
	q.await(t, 12)
	q.release()
	group.Wait()
	checkQueued(t, q, keys[0], good, 3)
}

// TestQueueStormGoroutines has many threads use keys of all sizes at once, through
// what the package offers.
func TestQueueStormGoroutines(t *testing.T) { eachWay(t, checkQueueStorm) }

func checkQueueStorm(t *testing.T) {
	var keys []*PrivateKey
	for _, bits := range []int{1024, 2048, 3072, 4096} {
		raw, err := newPrivateKey(testKeyOf(t, bits), assemblyKernels())
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, raw)
	}
	var group sync.WaitGroup
	for i := range 32 {
		group.Go(func() {
			for round := range 6 {
				k := keys[(i+round)%len(keys)]
				m := bytes.Repeat([]byte{byte(i), byte(round)}, k.Size()/2-1)
				c, err := k.Encrypt(m)
				if err != nil {
					t.Error(err)
					return
				}
				if back, err := k.Decrypt(c); err != nil || !bytes.Equal(back[k.Size()-len(m):], m) {
					t.Error(fmt.Sprint("thread ", i), err)
				}
			}
		})
	}
	group.Wait()
	for _, k := range keys {
		if k, ok := k.private.(*crtKey); ok {
			if q := k.scheduler.(*queue); q.running != 0 || len(q.waiting) != 0 {
				t.Errorf("%d places are taken and %d wait at the end", q.running, len(q.waiting))
			}
		}
	}
}
