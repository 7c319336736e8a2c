package softhsm2

import (
	"encoding/binary"
	"io"
	"os"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/importer"
)

// kind is how an attribute is stored.
type kind uint64

const (
	kindBool kind = iota + 1
	kindNumber
	kindBytes
	kindAttributes
	kindMechanisms
)

// field is an attribute as it is stored, its value in the encoding of package ck.
type field struct {
	kind kind
	ck.Attribute
}

// fields are the attributes of an object.
type fields []field

func (f fields) template() ck.Template {
	t := make(ck.Template, len(f))
	for i := range f {
		t[i] = f[i].Attribute
	}
	return t
}

// maxFile is the most that is read of an object file, in bytes.
const maxFile = 16 << 20

// readFile reads an object file.
func readFile(path string) (fields, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, importer.Formatf("%s is too long for an object", path)
	}
	r := reader{rest: b, width: 8, order: binary.BigEndian, kindWidth: 8}
	r.number() // the generation
	out := r.attributes()
	if r.bad {
		return nil, importer.Formatf("%s is cut off or damaged", path)
	}
	return out, nil
}

// reader reads attributes: those of object files, and the memory images in databases.
type reader struct {
	rest             []byte
	width, kindWidth int
	order            binary.ByteOrder
	counts           bool // the length of kindAttributes and kindMechanisms is as in memory images
	bad              bool
}

func (r *reader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) numberOf(width int) uint64 {
	b := r.take(uint64(width))
	switch {
	case r.bad:
		return 0
	case width == 4:
		return uint64(r.order.Uint32(b))
	}
	return r.order.Uint64(b)
}

func (r *reader) number() uint64 { return r.numberOf(r.width) }

// attributes reads all there is.
func (r *reader) attributes() (out fields) {
	for len(r.rest) > 0 && !r.bad {
		t := ck.AttributeType(r.number())
		f := field{kind: kind(r.numberOf(r.kindWidth))}
		f.Attribute = r.value(t, f.kind)
		out = append(out, f)
	}
	return out
}

func (r *reader) value(t ck.AttributeType, k kind) ck.Attribute {
	switch k {
	case kindBool:
		b := r.take(1)
		return ck.Bool(t, !r.bad && b[0] != 0)
	case kindNumber:
		return ck.Ulong(t, normal(r.number()))
	case kindBytes:
		return ck.Bytes(t, r.take(r.number()))
	case kindMechanisms:
		return ck.Bytes(t, r.mechanisms())
	case kindAttributes:
		inner := *r
		inner.rest = r.take(r.number())
		nested := inner.attributes().template()
		r.bad = r.bad || inner.bad
		return ck.Attribute{Type: t, Nested: nested}
	}
	r.bad = true
	return ck.Attribute{}
}

// mechanisms reads a list of mechanism types.
func (r *reader) mechanisms() []byte {
	n := r.number()
	if r.counts { // bytes, not mechanisms
		n /= uint64(r.width)
	}
	if n > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	out := make([]byte, 0, n*ck.UlongSize)
	for range n {
		out = ck.AppendUlong(out, r.number())
	}
	return out
}

// normal maps CK_UNAVAILABLE_INFORMATION of 32 bits to that of this module.
func normal(n uint64) uint64 {
	if n == 1<<32-1 {
		return ck.Unavailable
	}
	return n
}
