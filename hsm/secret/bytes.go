// Package secret keeps key material and PINs: one owner, wiped when done with,
// in memory that is locked and left out of core dumps where the system allows,
// and never printed.
//
// The memory is outside the Go heap, where nothing copies it (memory.go).
package secret

import (
	"fmt"
	"runtime"
	"sync/atomic"
)

// Bytes is a secret of fixed length. Who makes it owns it and calls Zero. A nil
// *Bytes is a secret of no bytes.
//
// Methods may be called from many threads at once. But what Expose returned must
// not be in use any more when the owner calls Zero: the memory goes to another
// secret then. A Bytes nobody refers to is wiped some time after, as a safety
// net, and then what Expose returned is gone as well: keep the Bytes, not the slice.
// Owned has no such net.
type Bytes struct {
	block atomic.Pointer[block] // nil after Zero
	n     int
	net   runtime.Cleanup // if netted
	// netted says that the memory is wiped when nobody refers to the secret.
	netted bool
}

// New returns a secret of n zero bytes for the caller to fill through Expose.
func New(n int) *Bytes {
	s := Owned(n)
	s.Abandon()
	return s
}

// Owned is New without the safety net, which takes longer than all the rest: for those
// who make and wipe many secrets. The owner calls Zero, or else Abandon.
func Owned(n int) *Bytes {
	s := &Bytes{n: n}
	s.block.Store(allocate(n))
	return s
}

// Abandon has the secret wiped when nobody refers to it any more: for an owner who is
// done with it while others may be using it.
func (s *Bytes) Abandon() {
	if s.Len() > 0 && !s.netted {
		s.netted = true
		s.net = runtime.AddCleanup(s, release, s.block.Load())
	}
}

// From returns a secret with the content of src, and wipes src.
func From(src []byte) *Bytes {
	s := New(len(src))
	copy(s.Expose(), src)
	clear(src)
	return s
}

// Clone returns a second secret with the same content and an owner of its own.
func (s *Bytes) Clone() *Bytes {
	c := New(s.Len())
	copy(c.Expose(), s.Expose())
	runtime.KeepAlive(s)
	return c
}

// Expose returns the content itself, for use until the next Zero; it is not to
// be kept, and not to be written to but by the owner. Appending to it copies.
func (s *Bytes) Expose() []byte {
	if s == nil {
		return nil
	}
	b := s.block.Load()
	if b == nil {
		return nil
	}
	return b.mem[:s.n:s.n]
}

// Len is the length in bytes: 0 after Zero.
func (s *Bytes) Len() int {
	if s == nil || s.block.Load() == nil {
		return 0
	}
	return s.n
}

// Zero wipes the content and gives its memory back. The secret is empty
// afterwards; a second Zero does nothing.
func (s *Bytes) Zero() {
	if s == nil {
		return
	}
	if b := s.block.Swap(nil); b != nil {
		if s.netted {
			s.net.Stop()
			runtime.KeepAlive(s) // or the net may wipe and give back as well, what is another's then
		}
		release(b)
	}
}

const redacted = "[secret]"

// Format prints "[secret]" whatever the verb.
func (s *Bytes) Format(f fmt.State, verb rune) { fmt.Fprint(f, redacted) }

// MarshalText keeps secrets out of JSON and its like.
func (s *Bytes) MarshalText() ([]byte, error) { return []byte(redacted), nil }
