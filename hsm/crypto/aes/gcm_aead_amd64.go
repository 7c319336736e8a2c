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
	powers          *hashPowers
	ivSize, tagSize int
	small           cipher.AEAD // the standard library's, nil where it is not called for
}

// maxShort is up to how many bytes a message is done in one go. With an IV of another
// size than the standard one that is the standard library, which is the faster there.
const maxShort = 256

func (v *vaes) gcm(ivSize, tagSize int) (cipher.AEAD, error) {
	if !gcm.ValidSizes(ivSize, tagSize) {
		return nil, gcm.ErrParameter
	}
	a := &aead{key: v, powers: v.hashKey(), ivSize: ivSize, tagSize: tagSize}
	if ivSize != gcm.StandardIVSize && tagSize == gcm.TagSize {
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
	n := len(plain)
	a.check(iv, n)
	if a.small != nil && n <= maxShort {
		return a.small.Seal(dst, iv, plain, aad)
	}
	all, out := extend(dst, n+a.tagSize)
	checkOutput(out, plain)
	if n <= maxShort && a.ivSize == gcm.StandardIVSize {
		a.sealShort(out, iv, plain, aad)
		return all
	}
	r := a.key.start(iv, aad)
	r.seal(out, plain)
	tag := r.tag(n)
	copy(out[n:], tag[:])
	return all
}

// Open lets nothing out before it has checked the tag, not even into dst.
func (a *aead) Open(dst, iv, sealed, aad []byte) ([]byte, error) {
	n := len(sealed) - a.tagSize
	if n < 0 {
		return nil, gcm.ErrOpen
	}
	a.check(iv, n)
	if a.small != nil && n <= maxShort {
		return a.small.Open(dst, iv, sealed, aad)
	}
	all, out := extend(dst, n)
	checkOutput(out, sealed[:n])
	right := false
	if n <= maxShort && a.ivSize == gcm.StandardIVSize {
		right = a.openShort(out, iv, sealed, aad)
	} else {
		right = a.openLong(out, iv, sealed, aad)
	}
	if !right {
		return nil, gcm.ErrOpen
	}
	return all, nil
}

func (a *aead) openLong(out, iv, sealed, aad []byte) bool {
	data, tag := sealed[:len(out)], sealed[len(out):]
	r := a.key.start(iv, aad)
	r.update(data)
	want := r.tag(len(out))
	if subtle.ConstantTimeCompare(want[:a.tagSize], tag) != 1 {
		return false
	}
	r.crypt(out, data)
	return true
}
