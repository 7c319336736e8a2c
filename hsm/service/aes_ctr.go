package service

import (
	"crypto/cipher"
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// AES in counter mode (section 6.13.6).
func init() {
	register(ciphering(newCTR, aesMechanism(ck.CKM_AES_CTR, ck.ParamAESCTR)))
}

func newCTR(k *Key, m *ck.Mechanism, d direction) (api.Cipher, error) {
	p := m.Param.(*ck.CTRParams)
	if p.Bits < 1 || p.Bits > 8*aesBlockSize {
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	key, err := k.aes()
	if err != nil {
		return nil, err
	}
	return newStream(d, keystream(p), aesBlockSize, func(n uint64) (cipher.Stream, error) {
		counter := plus(p.Block, n)
		return key.CTR(&counter), nil
	})
}

// plus is the counter n blocks on.
func plus(counter [aesBlockSize]byte, n uint64) [aesBlockSize]byte {
	lo, carry := bits.Add64(binary.BigEndian.Uint64(counter[8:]), n, 0)
	binary.BigEndian.PutUint64(counter[8:], lo)
	binary.BigEndian.PutUint64(counter[:8], binary.BigEndian.Uint64(counter[:8])+carry)
	return counter
}

// keystream is how many bytes there are before the counter, the last Bits bits of
// the block, comes back to 0; at most 2^64-1. Up to there it does not matter that
// the cipher counts in the whole block.
func keystream(p *ck.CTRParams) uint64 {
	hi, lo := binary.BigEndian.Uint64(p.Block[:8]), binary.BigEndian.Uint64(p.Block[8:])
	// The counter's complement is the number of blocks after the first.
	hi, lo = ^hi, ^lo
	if p.Bits <= 64 {
		hi, lo = 0, lo&(math.MaxUint64>>(64-p.Bits))
	} else {
		hi &= math.MaxUint64 >> (128 - p.Bits)
	}
	if hi != 0 || lo >= math.MaxUint64/aesBlockSize {
		return math.MaxUint64
	}
	return aesBlockSize * (lo + 1)
}

// ctrCipher is an api.Cipher that gives as many bytes as it takes.
type ctrCipher struct {
	direction
	stream     cipher.Stream
	size, done uint64 // bytes of key stream, and of those used
	block      int    // bytes of a block of it
	at         streamAt
}

// streamAt makes a key stream that begins with block n of it.
type streamAt func(n uint64) (cipher.Stream, error)

func newStream(d direction, size uint64, block int, at streamAt) (api.Cipher, error) {
	stream, err := at(0)
	if err != nil {
		return nil, err
	}
	return &ctrCipher{direction: d, stream: stream, size: size, block: block, at: at}, nil
}

func (c *ctrCipher) Update(dst, src []byte) (int, error) {
	if n, done, err := fits(dst, len(src)); done {
		return n, err
	}
	if uint64(len(src)) > c.size-c.done {
		return 0, c.lengthRange()
	}
	c.done += uint64(len(src))
	c.stream.XORKeyStream(dst[:len(src)], src)
	return len(src), nil
}

func (c *ctrCipher) OneShot(dst, src []byte) (int, error) { return c.Update(dst, src) }
func (c *ctrCipher) Final([]byte) (int, error)            { return 0, nil }
func (c *ctrCipher) Close()                               {}
