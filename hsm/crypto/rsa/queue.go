package rsa

import (
	"runtime"
	"slices"
	"sync"
)

// queue shares the processors out among private operations with keys of one kernel.
// There are as many places as processors. Who comes while one is free takes it; who
// comes while none is waits. Who leaves a place hands it to the one that has waited
// longest. Who gets a place does all at once what waits then, up to batchSize
// operations, or works alone on the kernel of two lanes. So a lone caller never waits,
// the batches are the larger the more there is to do, and no thread runs for them.
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
	w := waiters.Get().(*waiter)
	w.operation = operation{key: k, c: c, m: make([]byte, k.size), err: errFault}
	if q.enter(w) || <-w.leads {
		q.lead(w)
	}
	m, err := w.result()
	w.operation = operation{}
	waiters.Put(w)
	return m, err
}

// enter takes a place, or has w wait for one.
func (q *queue) enter(w *waiter) (free bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if free = q.running < runtime.GOMAXPROCS(0); free {
		q.running++
	} else {
		q.waiting = append(q.waiting, w)
	}
	return free
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

// lead does the operation of w, which has a place, and what else waits.
func (q *queue) lead(w *waiter) {
	defer q.leave()
	// While operations keep all processors busy nobody can come, so those that are
	// about to may come now. Nothing happens if there are none.
	runtime.Gosched()
	batch := [batchSize]*waiter{w}
	n := q.take(&batch)
	defer func() { // whatever happens
		for _, other := range batch[1:n] {
			other.leads <- false
		}
	}()
	if n == 1 {
		w.alone()
		return
	}
	var ops [batchSize]*operation
	for i, w := range batch[:n] {
		ops[i] = &w.operation
	}
	q.run(ops[:n])
}

// take removes those from the queue that are done along with the first of the batch,
// puts them behind it, and returns how many it has then.
func (q *queue) take(batch *[batchSize]*waiter) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 1
	for _, other := range q.waiting {
		if n < batchSize && other.key.class() == batch[0].key.class() {
			batch[n] = other
			n++
		}
	}
	if n < batchMin {
		return 1
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(other *waiter) bool { return slices.Contains(batch[:n], other) })
	return n
}
