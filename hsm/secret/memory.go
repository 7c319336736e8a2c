package secret

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/cpu"
)

// Memory comes from the system in chunks, goes as pages to size classes, and
// from there as blocks to secrets. Pages stay with their class. What is larger
// than a page has a mapping of its own.
const (
	pageSize  = 4096
	chunkSize = 16 * pageSize // 64 KiB, the smallest RLIMIT_MEMLOCK in common use
	smallest  = 32            // size of the first class; each next one is twice as large
	classes   = 8             // 32 bytes to a page
)

// block is a piece of memory that one secret holds. Free ones are all zero.
type block struct {
	mem  []byte
	home *queue // where it is while it is free; nil: a mapping of its own
	next *block // in the queue
	own  bool   // mem is a mapping to give back; else, without a home, Go heap
}

// class hands out blocks of one size. They are in several queues, of which any will do, so
// that threads which make and wipe secrets do not wait for each other.
type class struct {
	size   int
	queues [8]queue
	page   sync.Mutex // held to get a new page, for all queues
}

// queue has free blocks, first in, first out, so that memory given back too early does not
// become another secret at once. It is kept apart from the next one: their locks would wait
// for each other in the caches of the processors.
type queue struct {
	mu          sync.Mutex
	first, last *block
	_           cpu.CacheLinePad
}

var (
	sizes = newClasses()

	chunk struct { // what pages are cut from
		mu   sync.Mutex
		rest []byte
	}

	unlocked atomic.Bool // some secret was ever put into memory that is not locked
	nothing  = &block{mem: []byte{}}
)

func newClasses() *[classes]class {
	c := new([classes]class)
	for i := range c {
		c[i].size = smallest << i
	}
	return c
}

// Locked reports whether all secrets so far are in memory that is not written to
// swap. It is false where RLIMIT_MEMLOCK is too small or locking is refused.
func Locked() bool {
	release(allocate(smallest))
	return !unlocked.Load()
}

// allocate returns a zero block of at least n bytes.
func allocate(n int) *block {
	if n == 0 {
		return nothing
	}
	for i := range sizes {
		if n <= sizes[i].size {
			return sizes[i].get()
		}
	}
	whole := (n + pageSize - 1) / pageSize * pageSize
	if mem := protected(whole); mem != nil {
		return &block{mem: mem, own: true}
	}
	return &block{mem: make([]byte, n)}
}

// release wipes a block and gives it back.
func release(b *block) {
	clear(b.mem)
	switch {
	case b.home != nil:
		b.home.put(b)
	case b.own:
		unmap(b.mem)
	}
}

func (c *class) get() *block {
	if b := c.find((*queue).tryGet); b != nil {
		return b
	}
	if b := c.find((*queue).get); b != nil {
		return b
	}
	return c.grow()
}

// find asks the queues, the caller's own first, until one has a block; nil if none has.
func (c *class) find(get func(*queue) *block) *block {
	own := owners.Get().(*uint32)
	defer owners.Put(own)
	for i := range c.queues {
		if b := get(&c.queues[(int(*own)+i)%len(c.queues)]); b != nil {
			return b
		}
	}
	return nil
}

// owners are numbers that a processor keeps for a while, each another one: what it has
// used last is in its cache.
var (
	owners = sync.Pool{New: func() any { n := owner.Add(1); return &n }}
	owner  atomic.Uint32
)

// grow makes free blocks of a page, of which it returns one and deals out the others to the
// queues. Who comes second finds those of the first.
func (c *class) grow() *block {
	c.page.Lock()
	defer c.page.Unlock()
	if b := c.find((*queue).get); b != nil {
		return b
	}
	p := page()
	blocks := make([]block, len(p)/c.size)
	for i := range blocks {
		at := i * c.size
		blocks[i] = block{mem: p[at : at+c.size : at+c.size], home: &c.queues[i%len(c.queues)]}
		if i > 0 {
			blocks[i].home.put(&blocks[i])
		}
	}
	return &blocks[0]
}

// get returns a free block, nil if there is none.
func (q *queue) get() *block {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pop()
}

// tryGet is get that does not wait for others.
func (q *queue) tryGet() *block {
	if !q.mu.TryLock() {
		return nil
	}
	defer q.mu.Unlock()
	return q.pop()
}

func (q *queue) pop() *block {
	b := q.first
	if b != nil {
		q.first, b.next = b.next, nil
	}
	return b
}

func (q *queue) put(b *block) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first == nil {
		q.first = b
	} else {
		q.last.next = b
	}
	q.last = b
}

// page returns a new page, from the Go heap if the system gives none: a secret
// in ordinary memory is better than a program that ends.
func page() []byte {
	chunk.mu.Lock()
	defer chunk.mu.Unlock()
	if len(chunk.rest) == 0 {
		chunk.rest = protected(chunkSize)
	}
	if len(chunk.rest) == 0 {
		return make([]byte, pageSize)
	}
	p := chunk.rest[:pageSize:pageSize]
	chunk.rest = chunk.rest[pageSize:]
	return p
}

// protected maps memory and protects it as far as the system lets us; nil if
// there is none.
func protected(n int) []byte {
	mem, locked := mapProtected(n)
	if !locked {
		unlocked.Store(true)
	}
	return mem
}
