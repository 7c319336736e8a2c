//go:build !purego

package aes

import (
	"runtime"
	"sync"
)

// whenForgotten has k wiped when nothing refers to it any more: not to a part of it either,
// such as a schedule that a mode or a call of the assembly works with.
func whenForgotten[T any](k *T, wipe func(*T)) {
	runtime.SetFinalizer(k, nil) // a second one is not allowed
	runtime.SetFinalizer(k, wipe)
}

// maxRun is how many bytes the assembly is given at a time: the garbage collector
// has to wait until it returns.
const maxRun = 64 << 10

// idle has the modes of a type that have been released.
type idle[T any] struct{ pool sync.Pool }

// with returns one that is what mode is.
func (i *idle[T]) with(mode T) *T {
	m, ok := i.pool.Get().(*T)
	if !ok {
		m = new(T)
	}
	*m = mode
	return m
}

// wipe puts one back, of which nothing is left.
func (i *idle[T]) wipe(m *T) {
	var none T
	*m = none
	i.pool.Put(m)
}

// ecb is ECB by a kernel.
type ecb struct {
	keys  *schedule
	crypt func(keys *schedule, dst, src *byte, n int)
}

var ecbs idle[ecb]

func (e *ecb) release()       { ecbs.wipe(e) }
func (e *ecb) BlockSize() int { return blockSize }

func (e *ecb) CryptBlocks(dst, src []byte) {
	checkBlocks(dst, src)
	for len(src) > 0 {
		n := min(len(src), maxRun)
		e.crypt(e.keys, &dst[0], &src[0], n)
		dst, src = dst[n:], src[n:]
	}
}

// cbc is CBC by a kernel.
type cbc struct {
	keys    *schedule
	crypt   func(keys *schedule, iv *[blockSize]byte, dst, src *byte, n int)
	decrypt bool
	iv      [blockSize]byte // the ciphertext before
}

var cbcs idle[cbc]

func (c *cbc) release()       { cbcs.wipe(c) }
func (c *cbc) BlockSize() int { return blockSize }

func (c *cbc) CryptBlocks(dst, src []byte) {
	checkBlocks(dst, src)
	for len(src) > 0 {
		n := min(len(src), maxRun)
		var next [blockSize]byte
		if c.decrypt { // dst may be src
			copy(next[:], src[n-blockSize:n])
		}
		c.crypt(c.keys, &c.iv, &dst[0], &src[0], n)
		if !c.decrypt {
			copy(next[:], dst[n-blockSize:n])
		}
		c.iv = next
		dst, src = dst[n:], src[n:]
	}
}
