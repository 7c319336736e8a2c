//go:build !purego

package aes

import (
	"crypto/cipher"
	"crypto/subtle"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/crypto/gcm"
)

// aead is GCM for one size of IV and of tag.
type aead struct {
	key             *vaes
	ivSize, tagSize int
	small           cipher.AEAD // the standard library's, nil where it has none
}

// maxSmall is up to how many bytes the standard library is the faster, as it has
// less to set up.
const maxSmall = 256

func (v *vaes) gcm(ivSize, tagSize int) (cipher.AEAD, error) {
	if !gcm.ValidSizes(ivSize, tagSize) {
		return nil, gcm.ErrParameter
	}
	a := &aead{key: v, ivSize: ivSize, tagSize: tagSize}
	if tagSize == gcm.TagSize {
		var err error
		if a.small, err = gcm.New(v.block, ivSize, tagSize); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *aead) NonceSize() int { return a.ivSize }
func (a *aead) Overhead() int  { return a.tagSize }

func (a *aead) check(iv []byte, n int) {
	if len(iv) != a.ivSize {
		panic("aes: incorrect length of the IV of GCM")
	}
	if uint64(n) > gcm.MaxPlaintext {
		panic("aes: message too long for GCM")
	}
}

// extend makes dst n bytes longer and returns the whole and what is new.
func extend(dst []byte, n int) (all, tail []byte) {
	all = slices.Grow(dst, n)[:len(dst)+n]
	return all, all[len(dst):]
}

func (a *aead) Seal(dst, iv, plain, aad []byte) []byte {
	a.check(iv, len(plain))
	if a.small != nil && len(plain) <= maxSmall {
		return a.small.Seal(dst, iv, plain, aad)
	}
	all, out := extend(dst, len(plain)+a.tagSize)
	checkOutput(out, plain)
	r := a.key.start(iv, aad)
	r.seal(out, plain)
	tag := r.tag(len(plain))
	copy(out[len(plain):], tag[:])
	return all
}

// Open lets nothing out before it has checked the tag, not even into dst.
func (a *aead) Open(dst, iv, sealed, aad []byte) ([]byte, error) {
	n := len(sealed) - a.tagSize
	if n < 0 {
		return nil, gcm.ErrOpen
	}
	a.check(iv, n)
	if a.small != nil && n <= maxSmall {
		return a.small.Open(dst, iv, sealed, aad)
	}
	all, out := extend(dst, n)
	data, tag := sealed[:n], sealed[n:]
	checkOutput(out, data)
	r := a.key.start(iv, aad)
	r.update(data)
	want := r.tag(n)
	if subtle.ConstantTimeCompare(want[:a.tagSize], tag) != 1 {
		return nil, gcm.ErrOpen
	}
	r.crypt(out, data)
	return all, nil
}
