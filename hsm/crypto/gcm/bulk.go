package gcm

import (
	"crypto/cipher"
	"encoding/binary"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Sizes in bytes: what one step of bulk takes in at most, and what is worth it.
const (
	bulkSize = 4096
	bulkMin  = 4 * blockSize
)

// bulk does many blocks of GHASH by the standard library, which has the fast
// instructions but gives no access to GHASH itself. Its tag over associated data D
// without a plaintext is
//
//	T = (Y(D) + L) * H + E
//
// where Y(D) is the hash after the blocks of D, L the block of lengths and E the
// encrypted pre-counter block (SP 800-38D section 7.1). So the hash after D and
// one more block X comes from T and one multiplication of our own:
//
//	(Y(D) + X) * H = T + E + (L + X) * H
//
// T is as secret as the hash and never leaves this package.
type bulk struct {
	aead cipher.AEAD
	e    element
	data [bulkSize]byte
	tag  [TagSize]byte
}

// bulkIV is any IV: with it, only tags of our own are made, and kept.
var bulkIV [StandardIVSize]byte

func newBulk(block cipher.Block) (*bulk, error) {
	var aead cipher.AEAD
	var err error
	secret.Do(func() { aead, err = cipher.NewGCM(block) }) // it copies the key schedule
	if err != nil {
		return nil, err
	}
	b := &bulk{aead: aead}
	b.e = parseElement(b.aead.Seal(b.tag[:0], bulkIV[:], nil, nil)) // no D: T = E
	return b, nil
}

// blocks returns the hash that g comes to by p, 2 to 256 whole blocks.
func (b *bulk) blocks(g *ghash, p []byte) element {
	d := b.data[:len(p)-blockSize]
	x := parseElement(p[len(d):])
	copy(d, p)
	first := g.y.add(parseElement(d))
	binary.BigEndian.PutUint64(d, first.hi)
	binary.BigEndian.PutUint64(d[8:], first.lo)
	t := parseElement(b.aead.Seal(b.tag[:0], bulkIV[:], nil, d))
	l := element{hi: 8 * uint64(len(d))}
	return t.add(b.e).add(l.add(x).mul(g.h))
}
