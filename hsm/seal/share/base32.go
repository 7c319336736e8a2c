package share

import (
	"crypto/subtle"
	"encoding/binary"
)

// The letters are the digits and the capitals without I, L, O and U, which are
// mistaken for others or make words. Both directions take the same time for all
// letters: what they stand for is secret.

// gaps are the values from which on one more letter is left out.
var gaps = [4]int{18, 20, 22, 27} // I, L, O, U

// letter is that of a value below 32.
func letter(v byte) byte {
	n := int(v)
	c := '0' + n + ('A'-'9'-1)*subtle.ConstantTimeLessOrEq(10, n)
	for _, g := range gaps {
		c += subtle.ConstantTimeLessOrEq(g, n)
	}
	return byte(c)
}

// digit is the value of a letter, capital or small. ok is 1 if it is one.
func digit(c byte) (v byte, ok int) {
	take := func(l, value byte) {
		is := subtle.ConstantTimeByteEq(c, l) | subtle.ConstantTimeByteEq(c, l|0x20) // digits have the bit anyway
		v |= byte(is) * value
		ok |= is
	}
	for i := range byte(32) {
		take(letter(i), i)
	}
	take('O', 0)
	take('I', 1)
	take('L', 1)
	return v, ok
}

// encode writes src, a multiple of 5 bytes, into dst: 8 letters for each 5.
func encode(dst, src []byte) {
	for ; len(src) >= 5; src, dst = src[5:], dst[8:] {
		v := uint64(src[0])<<32 | uint64(binary.BigEndian.Uint32(src[1:]))
		for i := range 8 {
			dst[i] = letter(byte(v>>(35-5*i)) & 31)
		}
	}
}

// decode is the inverse of encode. It reports whether all of src are letters.
func decode(dst, src []byte) bool {
	all := 1
	for ; len(src) >= 8; src, dst = src[8:], dst[5:] {
		var v uint64
		for _, c := range src[:8] {
			d, ok := digit(c)
			v, all = v<<5|uint64(d), all&ok
		}
		dst[0] = byte(v >> 32)
		binary.BigEndian.PutUint32(dst[1:], uint32(v))
	}
	return all == 1
}
