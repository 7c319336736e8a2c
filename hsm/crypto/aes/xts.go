package aes

import (
	"crypto/aes"
	"crypto/subtle"
	"encoding/binary"
	"errors"
)

// MaxUnit is how long a data unit of XTS may be, 2^20 blocks (SP 800-38E section 4).
const MaxUnit = 1 << 20 * blockSize

// ErrHalves is for a key of XTS whose halves are the same (FIPS 140-3 IG C.I).
var ErrHalves = errors.New("aes: the two halves of the key of XTS are the same")

// XTS is a key of XTS (IEEE 1619, SP 800-38E), which is two of AES: Key encrypts data
// and tweak the number of the data unit. It may be used as a Key may.
type XTS struct {
	*Key
	tweak modes
}

// NewXTS prepares a key of 32 or 64 bytes, the key of data first. Errors:
// aes.KeySizeError, ErrHalves, and that of fips.Failed.
func NewXTS(key []byte) (*XTS, error) {
	if err := CheckXTS(key); err != nil {
		return nil, err
	}
	half := len(key) / 2
	data, err := New(key[:half])
	if err != nil {
		return nil, err
	}
	tweak, err := New(key[half:])
	if err != nil {
		data.Zero()
		return nil, err
	}
	return &XTS{data, tweak.modes}, nil
}

// CheckXTS returns the errors of NewXTS that are of the key: its length and its halves.
func CheckXTS(key []byte) error {
	half := len(key) / 2
	if len(key) != 32 && len(key) != 64 {
		return aes.KeySizeError(len(key))
	}
	if subtle.ConstantTimeCompare(key[:half], key[half:]) == 1 {
		return ErrHalves
	}
	return nil
}

// Unit is one data unit on its way through XTS, in one part or in several.
type Unit struct {
	key     *XTS
	decrypt bool
	tweak   [blockSize]byte // of the next block
}

// Unit starts the data unit of that number, whose least significant byte comes first.
func (x *XTS) Unit(number *[blockSize]byte, decrypt bool) Unit {
	return Unit{x, decrypt, x.tweak.encryptBlock(*number)}
}

// Blocks does whole blocks, of which the last block of a unit that does not end with a
// whole one may be none: that one goes with Last.
func (u *Unit) Blocks(dst, src []byte) {
	checkBlocks(dst, src)
	u.tweak = u.key.modes.xts(u.tweak, dst, src, u.decrypt)
}

// Skip leaves out so many blocks, which have been done elsewhere.
func (u *Unit) Skip(blocks int) {
	for range blocks {
		u.tweak = doubled(u.tweak)
	}
}

// Last does what is left of a unit: at least a block. If it ends in a part of a block,
// this takes the end of the block before it to be filled up with (IEEE 1619 sections
// 5.3.2 and 5.4.2, "ciphertext stealing").
func (u *Unit) Last(dst, src []byte) {
	if len(src) < blockSize {
		panic("aes: input of XTS shorter than a block")
	}
	checkOutput(dst, src)
	part := len(src) % blockSize
	whole := len(src) - part
	if part == 0 {
		u.Blocks(dst[:whole], src)
		return
	}
	whole -= blockSize
	u.Blocks(dst[:whole], src[:whole])
	u.steal(dst[whole:len(src)], src[whole:])
}

// steal does a block and a part of one, all of it in dst: the part takes the place of the
// start of the block that has been done, and that becomes the part. Which of the two last
// tweaks comes first depends on the direction.
func (u *Unit) steal(dst, src []byte) {
	tweak, next := u.tweak, doubled(u.tweak)
	if u.decrypt {
		tweak, next = next, tweak
	}
	block, m := dst[:blockSize], u.key.modes
	m.xts(tweak, block, src[:blockSize], u.decrypt)
	for i, b := range src[blockSize:] { // dst may be src
		dst[blockSize+i], block[i] = block[i], b
	}
	m.xts(next, block, block, u.decrypt)
}

// doubled is the tweak of the block that follows: multiplied by x, modulo x^128 + x^7
// + x^2 + x + 1 (IEEE 1619 section 5.2).
func doubled(tweak [blockSize]byte) [blockSize]byte {
	lo, hi := binary.LittleEndian.Uint64(tweak[:8]), binary.LittleEndian.Uint64(tweak[8:])
	binary.LittleEndian.PutUint64(tweak[:8], lo<<1^hi>>63*0x87)
	binary.LittleEndian.PutUint64(tweak[8:], hi<<1|lo>>63)
	return tweak
}

// Zero wipes the key, as Key.Zero does.
func (x *XTS) Zero() {
	x.Key.Zero()
	x.tweak.zero()
}

// Abandon is Key.Abandon for both keys.
func (x *XTS) Abandon() {
	x.Key.Abandon()
	x.tweak.abandon()
}
