package rsa

import "sync"

// The accelerated path computes with several numbers side by side, in digits of
// 52 bits, since that is what AVX-512 IFMA multiplies. A kernel is the innermost
// part of it, for one number of lanes and one number of digits: assembly, or its
// twin in Go, which computes the same in the same way and is there to test it.
//
// The numbers of a kernel lie in one slice: digit i of lane l is word i*lanes+l,
// least significant digits first, filled up with zeros to a whole number of
// vectors of 8 words. Digits are less than 2^52, except where it is said.

const (
	digitBits = 52
	digitMask = 1<<digitBits - 1
)

// shape is how many numbers, and of how many digits.
type shape struct{ lanes, digits int }

// words is the length of the slice.
func (s shape) words() int { return (s.lanes*s.digits + 7) &^ 7 }

// maxBits is the longest modulus: four bits shorter than R = 2^(52*digits).
// Almost Montgomery multiplication needs two (see DESIGN.md); with four it also
// takes sums of two results.
func (s shape) maxBits() int { return digitBits*s.digits - 4 }

// window is how many bits of an exponent are used at once: fewer where a table
// would be so large that reading all of it takes longer than what it spares.
func (s shape) window() int {
	if s.lanes == wide {
		return 4
	}
	return 5
}

// tableSize is how many entries the table for a window has.
func (s shape) tableSize() int { return 1 << s.window() }

// blockWords is the length of modulus.block.
func (s shape) blockWords() int {
	if s.lanes == wide {
		return 8 + 2*s.words() + 8*10
	}
	return 8 + 2*s.words()
}

// kernel is one implementation of the two inner functions, for one shape. Both
// take a time that depends on the shape and on times only.
type kernel struct {
	shape
	name string
	// mul sets z to x*y/R mod m, then squares it (z*z/R mod m) times-1 times.
	// z may be x or y. If x and y are less than 2m, or one is less than m and the
	// other less than R, then z is less than 2m. m is modulus.block, of which eight
	// lanes change what is behind the modulus.
	mul func(z, x, y, m []uint64, times int)
	// pick sets lane l of z to that lane of entry index[l] of a table. It reads all
	// of the table. index has the lanes' entries over and over.
	pick func(z, table []uint64, index *[8]uint64)
	// scratch keeps slices of scratchWords words, all zero, for all keys.
	scratch *sync.Pool
	// scheduler is for the keys of a kernel of two lanes; nil if there is none.
	scheduler scheduler
}

// scheduler decides where a private operation is done, and with which others.
type scheduler interface {
	// do appends c^d mod n, checked, to dst. c is below n and no longer.
	do(k *crtKey, dst, c []byte) ([]byte, error)
}

// scratchWords is the room that an operation needs besides its key: the table, two
// numbers and six halves of the modulus (primes.power), or four numbers and one for
// a single lane (publicModulus.check).
func (s shape) scratchWords() int {
	if s.lanes == 1 {
		return 4*s.words() + s.digits
	}
	return max(s.expWords()+2*s.words()+6*s.digits, 4*s.words()+s.digits)
}

// newScratch makes the pool for a kernel.
func (s shape) newScratch() *sync.Pool {
	return &sync.Pool{New: func() any { w := make([]uint64, s.scratchWords()); return &w }}
}

// borrow gets scratch, which giveBack wipes.
func (k *kernel) borrow() *[]uint64 { return k.scratch.Get().(*[]uint64) }

func (k *kernel) giveBack(w *[]uint64) {
	clear(*w)
	k.scratch.Put(w)
}

// cutter cuts numbers off a slice.
type cutter []uint64

func (c *cutter) next(n int) []uint64 {
	w := (*c)[:n:n]
	*c = (*c)[n:]
	return w
}

// wide is the number of lanes of the kernels that have a number in each lane of a
// vector.
const wide = 8

// shapes are those that there are kernels for: one lane for public moduli, two
// for the two primes of a key, eight for whatever there are several of.
var shapes = []shape{
	{1, 40}, {1, 60}, {1, 80}, {2, 20}, {2, 30}, {2, 40},
	{wide, 20}, {wide, 30}, {wide, 40}, {wide, 60}, {wide, 80},
}

// kernelFor returns the smallest kernel of so many lanes for moduli of so many
// bits, or nil.
func kernelFor(kernels []kernel, lanes, bits int) *kernel {
	for i := range kernels {
		if k := &kernels[i]; k.lanes == lanes && bits <= k.maxBits() {
			return k
		}
	}
	return nil
}

// kernelOf returns the kernel of a shape, or nil.
func kernelOf(kernels []kernel, s shape) *kernel {
	for i := range kernels {
		if kernels[i].shape == s {
			return &kernels[i]
		}
	}
	return nil
}

// withQueues gives the kernels of two lanes their queues.
func withQueues(kernels []kernel) []kernel {
	for i := range kernels {
		if k := &kernels[i]; k.lanes == 2 {
			if b := newBatcher(kernels, k.digits); b != nil {
				k.scheduler = &queue{batcher: b}
			}
		}
	}
	return kernels
}

// allKernels lists the kernels of every implementation this machine can run, by
// the implementation's name.
func allKernels() map[string][]kernel {
	all := map[string][]kernel{"generic": genericKernels()}
	if k := assemblyKernels(); k != nil {
		all["avx512ifma"] = k
	}
	return all
}
