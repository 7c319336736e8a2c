//go:build !purego

package aes

import (
	"crypto/cipher"
	"encoding/binary"
	"math/bits"
	"sync"

	"golang.org/x/sys/cpu"
)

// maxRun is how many bytes the assembly is given at a time: the garbage collector
// has to wait until it returns.
const maxRun = 64 << 10

func accelerated() []implementation {
	x := &cpu.X86
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX512DQ && x.HasBMI2 && x.HasAES &&
		x.HasAVX512VAES && x.HasAVX512VPCLMULQDQ {
		return []implementation{{"vaes", newVAES, vaesOnce}}
	}
	return nil
}

// schedule is a key schedule as the assembly takes it. The last round key is at
// 4*lastRound, whatever the number of rounds, which follows.
type schedule = [4*(lastRound+1) + 1]uint32

const lastRound = 14

// vaes is a key for the assembly.
type vaes struct {
	block            cipher.Block
	encrypt, decrypt schedule

	hash   sync.Once // makes powers
	powers *hashPowers
}

// newVAES expands the key for both directions. The decryption schedule is that of the
// equivalent inverse cipher, FIPS 197 section 5.3.5.
func newVAES(key []byte, block cipher.Block) modes {
	v := &vaes{block: block}
	w := expand(&v.encrypt, key)
	rounds := len(w)/4 - 1
	d := v.decrypt[4*(lastRound-rounds) : 4*(lastRound+1)]
	copy(d, w[4*rounds:])
	invertKeys((*[4]uint32)(d[4*rounds-4:]), (*[4]uint32)(w[4:]), rounds-1)
	copy(d[4*rounds:], w[:4])
	v.decrypt[len(v.decrypt)-1] = uint32(rounds)
	return v
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
	for i := nk; i < len(w); i++ {
		t := w[i-1]
		switch {
		case i%nk == 0:
			// RotWord: the first byte, which is the lowest here, becomes the last.
			t = subWord(bits.RotateLeft32(t, -8)) ^ rcon
			rcon = rcon<<1 ^ rcon>>7*0x11b
		case nk > 6 && i%nk == 4:
			t = subWord(t)
		}
		w[i] = w[i-nk] ^ t
	}
	return w
}

// vaesOnce is EncryptOnce.
func vaesOnce(key []byte, block *[blockSize]byte) {
	var s schedule
	defer clear(s[:])
	expand(&s, key)
	encryptBlocks(&s, &block[0], &block[0], blockSize)
}

func (v *vaes) zero() {
	clear(v.encrypt[:])
	clear(v.decrypt[:])
	if v.powers != nil {
		clear(v.powers[:])
	}
}

func (v *vaes) ecb(decrypt bool) cipher.BlockMode {
	if decrypt {
		return ecb{&v.decrypt, decryptBlocks}
	}
	return ecb{&v.encrypt, encryptBlocks}
}

type ecb struct {
	keys  *schedule
	crypt func(keys *schedule, dst, src *byte, n int)
}

func (e ecb) BlockSize() int { return blockSize }

func (e ecb) CryptBlocks(dst, src []byte) {
	checkBlocks(dst, src)
	for len(src) > 0 {
		n := min(len(src), maxRun)
		e.crypt(e.keys, &dst[0], &src[0], n)
		dst, src = dst[n:], src[n:]
	}
}

func (v *vaes) cbcDecrypter(iv []byte) cipher.BlockMode {
	return &cbcDecrypter{&v.decrypt, [blockSize]byte(iv)}
}

type cbcDecrypter struct {
	keys *schedule
	iv   [blockSize]byte // the ciphertext before
}

func (c *cbcDecrypter) BlockSize() int { return blockSize }

func (c *cbcDecrypter) CryptBlocks(dst, src []byte) {
	checkBlocks(dst, src)
	for len(src) > 0 {
		n := min(len(src), maxRun)
		next := [blockSize]byte(src[n-blockSize:])
		decryptCBC(c.keys, &c.iv, &dst[0], &src[0], n)
		c.iv = next
		dst, src = dst[n:], src[n:]
	}
}
