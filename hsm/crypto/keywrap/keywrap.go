// Package keywrap is AES key wrap: KW of RFC 3394 and KWP, with padding, of RFC
// 5649; both are in NIST SP 800-38F. The standard library has neither.
//
// What is wrapped is authenticated. Unwrapping takes the same time for every
// wrong input of one length and tells nothing about what is wrong with it.
//
// Each function also returns the error of fips.Failed if the module is in the
// error state.
package keywrap

import (
	"bytes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"math/bits"
)

// Errors of this package.
var (
	// ErrLength is for an input of a length that cannot be wrapped or unwrapped.
	ErrLength = errors.New("keywrap: length of the input")
	// ErrIntegrity is for a wrapped input that was not made with this key and IV.
	ErrIntegrity = errors.New("keywrap: integrity check failed")
)

// The unit of both algorithms, half a block of the cipher, in bytes (SP 800-38F
// section 4).
const (
	semiblock = 8
	blockSize = 2 * semiblock
)

// maxLen bounds the plaintext, in bytes. KWP could take 2^32-1, but these are keys, and
// room for the output is made before a caller's word for the length is put to the test.
const maxLen = 16 << 20

// defaultIV is ICV1 of SP 800-38F and RFC 3394 section 2.2.3.1; defaultPrefix is
// ICV2, RFC 5649 section 3.
var (
	defaultIV     = [8]byte{0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6}
	defaultPrefix = [4]byte{0xa6, 0x59, 0x59, 0xa6}
)

// WrapSize is the length of what Wrap returns for n bytes.
func WrapSize(n int) int { return semiblock + n }

// WrapPadSize is the length of what WrapPad returns for n bytes.
func WrapPadSize(n int) int { return semiblock + (n+semiblock-1)/semiblock*semiblock }

// Wrap is KW-AE: it wraps plain, a multiple of 8 and at least 16 bytes long
// (else ErrLength), under block, which is AES. A nil iv is the default one.
func Wrap(block cipher.Block, iv *[8]byte, plain []byte) ([]byte, error) {
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	return wrap(block, iv, plain)
}

func wrap(block cipher.Block, iv *[8]byte, plain []byte) ([]byte, error) {
	if len(plain)%semiblock != 0 || len(plain) < 2*semiblock || len(plain) > maxLen {
		return nil, ErrLength
	}
	if iv == nil {
		iv = &defaultIV
	}
	out := make([]byte, WrapSize(len(plain)))
	copy(out, iv[:])
	copy(out[semiblock:], plain)
	permute(block, out)
	return out, nil
}

// Unwrap is KW-AD and undoes Wrap: ErrLength, ErrIntegrity.
func Unwrap(block cipher.Block, iv *[8]byte, wrapped []byte) ([]byte, error) {
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	return unwrap(block, iv, wrapped)
}

func unwrap(block cipher.Block, iv *[8]byte, wrapped []byte) ([]byte, error) {
	if len(wrapped)%semiblock != 0 || len(wrapped) < 3*semiblock || len(wrapped) > WrapSize(maxLen) {
		return nil, ErrLength
	}
	if iv == nil {
		iv = &defaultIV
	}
	out := bytes.Clone(wrapped)
	unpermute(block, out)
	if subtle.ConstantTimeCompare(out[:semiblock], iv[:]) != 1 {
		clear(out)
		return nil, ErrIntegrity
	}
	return out[semiblock:], nil
}

// WrapPad is KWP-AE: it wraps plain, of any length but 0 (else ErrLength), under
// block, which is AES. prefix is the first half of the initial value; nil is the
// default one.
func WrapPad(block cipher.Block, prefix *[4]byte, plain []byte) ([]byte, error) {
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	return wrapPad(block, prefix, plain)
}

func wrapPad(block cipher.Block, prefix *[4]byte, plain []byte) ([]byte, error) {
	if len(plain) == 0 || len(plain) > maxLen {
		return nil, ErrLength
	}
	if prefix == nil {
		prefix = &defaultPrefix
	}
	out := make([]byte, WrapPadSize(len(plain)))
	copy(out, prefix[:])
	binary.BigEndian.PutUint32(out[4:], uint32(len(plain)))
	copy(out[semiblock:], plain)
	permute(block, out)
	return out, nil
}

// UnwrapPad is KWP-AD and undoes WrapPad: ErrLength, ErrIntegrity.
func UnwrapPad(block cipher.Block, prefix *[4]byte, wrapped []byte) ([]byte, error) {
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	return unwrapPad(block, prefix, wrapped)
}

func unwrapPad(block cipher.Block, prefix *[4]byte, wrapped []byte) ([]byte, error) {
	if len(wrapped)%semiblock != 0 || len(wrapped) < 2*semiblock || len(wrapped) > WrapPadSize(maxLen) {
		return nil, ErrLength
	}
	if prefix == nil {
		prefix = &defaultPrefix
	}
	out := bytes.Clone(wrapped)
	unpermute(block, out)
	pad, ok := checkPad(out, prefix)
	if ok != 1 {
		clear(out)
		return nil, ErrIntegrity
	}
	return out[semiblock : len(out)-pad], nil
}

// checkPad does the three checks of RFC 5649 section 3, all of them whatever is
// wrong: the prefix, the length (0 to 7 bytes of padding), the padding (zeros).
// pad is the bytes of padding if ok is 1.
func checkPad(out []byte, prefix *[4]byte) (pad, ok int) {
	ok = subtle.ConstantTimeCompare(out[:4], prefix[:])
	length := uint64(binary.BigEndian.Uint32(out[4:]))
	excess := uint64(len(out)-semiblock) - length
	_, below := bits.Sub64(excess, semiblock, 0)
	ok &= int(below)
	pad = int(excess % semiblock)
	for i, b := range out[len(out)-semiblock:] {
		isPad := subtle.ConstantTimeLessOrEq(semiblock-i, pad)
		isZero := subtle.ConstantTimeByteEq(b, 0)
		ok &= subtle.ConstantTimeSelect(isPad, isZero, 1)
	}
	return pad, ok
}

// permute is the wrapping function W of SP 800-38F section 6.1, in the indexed
// form of RFC 3394 section 2.2.1, in place: A is the first semiblock of buf. For
// two semiblocks it is one encryption (RFC 5649 section 4.1).
func permute(block cipher.Block, buf []byte) {
	if len(buf) == blockSize {
		block.Encrypt(buf, buf)
		return
	}
	var b [blockSize]byte
	defer clear(b[:])
	n := uint64(len(buf)/semiblock - 1)
	copy(b[:semiblock], buf)
	for t := uint64(1); t <= 6*n; t++ {
		r := buf[semiblock*((t-1)%n+1):][:semiblock]
		copy(b[semiblock:], r)
		block.Encrypt(b[:], b[:])
		addStep(&b, t)
		copy(r, b[semiblock:])
	}
	copy(buf, b[:semiblock])
}

// unpermute is the inverse of permute: SP 800-38F section 6.1, RFC 3394 section
// 2.2.2, RFC 5649 section 4.2.
func unpermute(block cipher.Block, buf []byte) {
	if len(buf) == blockSize {
		block.Decrypt(buf, buf)
		return
	}
	var b [blockSize]byte
	defer clear(b[:])
	n := uint64(len(buf)/semiblock - 1)
	copy(b[:semiblock], buf)
	for t := 6 * n; t >= 1; t-- {
		r := buf[semiblock*((t-1)%n+1):][:semiblock]
		copy(b[semiblock:], r)
		addStep(&b, t)
		block.Decrypt(b[:], b[:])
		copy(r, b[semiblock:])
	}
	copy(buf, b[:semiblock])
}

// addStep adds the number of the step to A.
func addStep(b *[blockSize]byte, t uint64) {
	binary.BigEndian.PutUint64(b[:], binary.BigEndian.Uint64(b[:])^t)
}
