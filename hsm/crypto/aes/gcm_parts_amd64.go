//go:build !purego

package aes

import (
	"crypto/subtle"

	"github.com/coffer-hsm/coffer/hsm/crypto/gcm"
)

// gcmParts is GCM in parts. Between two of them there may be a block of which only
// a part has been done.
type gcmParts struct {
	gcmRun
	tagSize, n int
	keystream  [blockSize]byte
	part       [blockSize]byte // ciphertext
	used       int             // bytes of both
}

func (v *vaes) gcmParts(iv, aad []byte, tagSize int) (GCMEncrypter, error) {
	if !gcm.ValidSizes(len(iv), tagSize) {
		return nil, gcm.ErrParameter
	}
	return &gcmParts{gcmRun: v.start(iv, aad), tagSize: tagSize}, nil
}

func (p *gcmParts) Encrypt(dst, src []byte) {
	checkOutput(dst, src)
	p.n += len(src)
	if p.used > 0 {
		n := p.inBlock(dst, src)
		dst, src = dst[n:], src[n:]
	}
	whole := len(src) &^ (blockSize - 1)
	p.seal(dst, src[:whole])
	if rest := src[whole:]; len(rest) > 0 {
		clear(p.keystream[:])
		p.crypt(p.keystream[:], p.keystream[:])
		p.inBlock(dst[whole:], rest)
	}
}

// inBlock goes on with the block that is in part, and returns how far.
func (p *gcmParts) inBlock(dst, src []byte) int {
	n := subtle.XORBytes(p.part[p.used:], src, p.keystream[p.used:])
	copy(dst, p.part[p.used:p.used+n])
	if p.used += n; p.used == blockSize {
		p.update(p.part[:])
		p.used = 0
	}
	return n
}

func (p *gcmParts) Tag() []byte {
	p.update(p.part[:p.used])
	tag := p.gcmRun.tag(p.n)
	return tag[:p.tagSize]
}
