package rsa

import (
	"slices"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/crypto/wait"
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
	crowded bool      // somebody waited, and no batch has been too small since
}

// waiter is an operation that waits. Its key is held by who waits, so it is not wiped
// meanwhile.
type waiter struct {
	operation
	*wait.Seat
}

// What a waiter is woken for.
const (
	answered = 1 + iota // its operation is done
	leading             // it has a place now
)

var waiters = sync.Pool{New: func() any { return &waiter{Seat: wait.NewSeat()} }}

// do implements scheduler.
func (q *queue) do(k *crtKey, dst, c []byte) ([]byte, error) {
	w := waiters.Get().(*waiter)
	w.operation = operation{key: k, c: c, m: slices.Grow(w.m[:0], k.size)[:k.size], err: errFault}
	if q.enter(w) || w.Wait() == leading {
		q.lead(w)
	}
	m, err := w.result(dst)
	w.operation = operation{m: w.m}
	waiters.Put(w)
	return m, err
}

// enter takes a place, or has w wait for one.
func (q *queue) enter(w *waiter) (free bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if free = q.running < wait.Processors(); free {
		q.running++
	} else {
		w.Sit()
		q.crowded = true
		q.waiting = append(q.waiting, w)
	}
	return free
}

// leave hands the place to the next one.
func (q *queue) leave() {
	if next := q.next(); next != nil {
		next.Wake(leading)
	}
}

// next is the one that has waited longest. If nobody waits the place is free.
func (q *queue) next() *waiter {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.running--
		return nil
	}
	next := q.waiting[0]
	q.waiting = slices.Delete(q.waiting, 0, 1)
	return next
}

// lead does the operation of w, which has a place, and what else waits.
func (q *queue) lead(w *waiter) {
	defer q.leave()
	q.invite()
	batch := [batchSize]*waiter{w}
	n := q.take(&batch)
	defer func() { // whatever happens
		for _, other := range batch[1:n] {
			other.Wake(answered)
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

// invite lets those come who are about to: while operations keep all processors busy
// they may not be able to.
func (q *queue) invite() {
	q.mu.Lock()
	full, crowded := q.running >= wait.Processors(), q.crowded
	q.mu.Unlock()
	if full {
		wait.MakeRoom()
	}
	wait.Yield(crowded)
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
		q.crowded = false
		return 1
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(other *waiter) bool { return slices.Contains(batch[:n], other) })
	return n
}
