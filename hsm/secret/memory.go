package secret

import (
	"sync"
	"sync/atomic"
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
	mem   []byte
	class *class // nil: a mapping of its own
	next  *block // in the queue of free blocks
	own   bool   // mem is a mapping to give back; else, without a class, Go heap
}

// class hands out blocks of one size. The queue is first in, first out, so that
// memory given back too early does not become another secret at once.
type class struct {
	mu          sync.Mutex
	size        int
	first, last *block
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
	case b.class != nil:
		b.class.put(b)
	case b.own:
		unmap(b.mem)
	}
}

func (c *class) get() *block {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == nil {
		c.cut(page())
	}
	b := c.first
	c.first, b.next = b.next, nil
	return b
}

func (c *class) put(b *block) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.append(b)
}

func (c *class) append(b *block) {
	if c.first == nil {
		c.first = b
	} else {
		c.last.next = b
	}
	c.last = b
}

// cut makes free blocks of a page. The caller holds c.mu.
func (c *class) cut(page []byte) {
	blocks := make([]block, len(page)/c.size)
	for i := range blocks {
		at := i * c.size
		blocks[i] = block{mem: page[at : at+c.size : at+c.size], class: c}
		c.append(&blocks[i])
	}
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
