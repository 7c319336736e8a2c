package rsa

import (
	"runtime"
	"slices"
	"sync"
)

// queue shares the processors out among private operations with keys of one kernel.
// There are as many places as processors. Who comes while one is free takes it at
// once, alone on the kernel of two lanes. Who comes while none is waits; who leaves
// a place hands it to the one that has waited longest, and that one does all at
// once what waits then, up to batchSize operations. So a lone caller never waits, the
// batches are the larger the more there is to do, and no thread runs for them.
type queue struct {
	*batcher
	mu      sync.Mutex
	running int       // places taken
	waiting []*waiter // the one that came first is first
}

// waiter is an operation that waits. Its key is held by who waits, so it is not wiped
// meanwhile.
type waiter struct {
	operation
	// leads gets true if the waiter has a place now, false if its operation is done.
	leads chan bool
}

var waiters = sync.Pool{New: func() any { return &waiter{leads: make(chan bool, 1)} }}

// do implements scheduler.
func (q *queue) do(k *crtKey, c []byte) ([]byte, error) {
	q.mu.Lock()
	if q.running < runtime.GOMAXPROCS(0) {
		q.running++
		q.mu.Unlock()
		defer q.leave()
		return k.alone(c)
	}
	w := waiters.Get().(*waiter)
	w.operation = operation{key: k, c: c, m: make([]byte, k.size), err: errFault}
	q.waiting = append(q.waiting, w)
	q.mu.Unlock()
	if <-w.leads {
		q.lead(w)
	}
	m, err := w.result()
	w.operation = operation{}
	waiters.Put(w)
	return m, err
}

// leave hands the place to the next one.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.running--
		return
	}
	q.waiting[0].leads <- true
	q.waiting = slices.Delete(q.waiting, 0, 1)
}

// lead does the operation of w and what else waits.
func (q *queue) lead(w *waiter) {
	defer q.leave()
	// Those that the last batch has let go may be about to come again.
	runtime.Gosched()
	batch := q.take(w)
	defer func() { // whatever happens
		for _, other := range batch[1:] {
			other.leads <- false
		}
	}()
	if len(batch) == 1 {
		w.m, w.err = w.key.alone(w.c)
		return
	}
	ops := make([]*operation, len(batch))
	for i, w := range batch {
		ops[i] = &w.operation
	}
	q.run(ops)
}

// take removes those from the queue that are done along with w, and puts them
// behind it.
func (q *queue) take(w *waiter) []*waiter {
	batch := append(make([]*waiter, 0, batchSize), w)
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, other := range q.waiting {
		if len(batch) < batchSize && other.key.class() == w.key.class() {
			batch = append(batch, other)
		}
	}
	if len(batch) < batchMin {
		return batch[:1]
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(other *waiter) bool { return slices.Contains(batch, other) })
	return batch
}
