// Package secret keeps key material and PINs: one owner, wiped when done with,
// in memory that is locked and left out of core dumps where the system allows,
// and never printed.
package secret

import "fmt"

// Bytes is a secret of fixed length. Who makes it owns it and calls Zero. A nil
// *Bytes is a secret of no bytes.
type Bytes struct{ b []byte }

// New returns a secret of n zero bytes for the caller to fill through Expose.
func New(n int) *Bytes { return &Bytes{make([]byte, n)} }

// From returns a secret with the content of src, and wipes src.
func From(src []byte) *Bytes {
	s := New(len(src))
	copy(s.b, src)
	clear(src)
	return s
}

// Clone returns a second secret with the same content and an owner of its own.
func (s *Bytes) Clone() *Bytes {
	c := New(s.Len())
	copy(c.b, s.Expose())
	return c
}

// Expose returns the content itself, for use until the next Zero; it is not to
// be kept, and not to be written to but by the owner.
func (s *Bytes) Expose() []byte {
	if s == nil {
		return nil
	}
	return s.b
}

// Len is the length in bytes.
func (s *Bytes) Len() int {
	if s == nil {
		return 0
	}
	return len(s.b)
}

// Zero wipes the content and gives its memory back. The secret is empty
// afterwards; a second Zero does nothing.
func (s *Bytes) Zero() {
	if s == nil {
		return
	}
	clear(s.b)
	s.b = nil
}

const redacted = "[secret]"

// Format prints "[secret]" whatever the verb.
func (s *Bytes) Format(f fmt.State, verb rune) { fmt.Fprint(f, redacted) }

// MarshalText keeps secrets out of JSON and its like.
func (s *Bytes) MarshalText() ([]byte, error) { return []byte(redacted), nil }
