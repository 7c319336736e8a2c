//go:build !purego

package aes

import (
	"encoding/binary"
	"math/bits"
)

// schedule is a key schedule as the assembly takes it. The last round key is at
// 4*lastRound, whatever the number of rounds, which follows.
type schedule = [4*(lastRound+1) + 1]uint32

const lastRound = 14

// schedules are those of a key for both directions.
type schedules struct {
	encrypt, decrypt schedule
}

// prepare expands the key. The decryption schedule is that of the equivalent inverse
// cipher, FIPS 197 section 5.3.5.
func (s *schedules) prepare(key []byte) {
	w := expand(&s.encrypt, key)
	rounds := len(w)/4 - 1
	d := s.decrypt[4*(lastRound-rounds) : 4*(lastRound+1)]
	copy(d, w[4*rounds:])
	invertKeys((*[4]uint32)(d[4*rounds-4:]), (*[4]uint32)(w[4:]), rounds-1)
	copy(d[4*rounds:], w[:4])
	s.decrypt[len(s.decrypt)-1] = uint32(rounds)
}

func (s *schedules) zero() {
	clear(s.encrypt[:])
	clear(s.decrypt[:])
}

// expand makes the encryption schedule of a key, FIPS 197 section 5.2, and returns its
// words.
func expand(s *schedule, key []byte) []uint32 {
	nk := len(key) / 4
	rounds := nk + 6
	s[len(s)-1] = uint32(rounds)
	w := s[4*(lastRound-rounds) : 4*(lastRound+1)]
	for i := range nk {
		w[i] = binary.LittleEndian.Uint32(key[4*i:])
	}
	rcon := uint32(1)
	for i := nk; i < len(w); i += nk {
		// RotWord: the first byte, which is the lowest here, becomes the last.
		w[i] = w[i-nk] ^ subWord(bits.RotateLeft32(w[i-1], -8)) ^ rcon
		rcon = rcon<<1 ^ rcon>>7*0x11b
		for j := i + 1; j < min(i+nk, len(w)); j++ {
			t := w[j-1]
			if nk > 6 && j == i+4 {
				t = subWord(t)
			}
			w[j] = w[j-nk] ^ t
		}
	}
	return w
}
