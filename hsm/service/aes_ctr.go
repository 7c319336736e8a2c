package service

import (
	"crypto/cipher"
	"encoding/binary"
	"math"
	"math/bits"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/aes"
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
	return newStream(k, m, d, keystream(p), aesBlockSize, ctrAt)
}

// ctrAt is the streamAt of AES.
func ctrAt(c *ctrCipher, n uint64) (cipher.Stream, error) {
	key, err := c.key.aes()
	if err != nil {
		return nil, err
	}
	c.counter = plus(c.mechanism.Param.(*ck.CTRParams).Block, n)
	return key.CTR(&c.counter), nil
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
	key        *Key
	mechanism  *ck.Mechanism
	at         streamAt
	stream     cipher.Stream
	size, done uint64 // bytes of key stream, and of those used
	block      int    // bytes of a block of it

	counter [aesBlockSize]byte // room for ctrAt, here because it would escape elsewhere
}

// streamAt makes a key stream that begins with block n of it.
type streamAt func(c *ctrCipher, n uint64) (cipher.Stream, error)

// ctrCiphers are those that have been closed.
var ctrCiphers = sync.Pool{New: func() any { return new(ctrCipher) }}

// newStream starts a cipher, which keeps k and m.
func newStream(k *Key, m *ck.Mechanism, d direction, size uint64, block int, at streamAt) (api.Cipher, error) {
	c := ctrCiphers.Get().(*ctrCipher)
	*c = ctrCipher{direction: d, key: k, mechanism: m, at: at, size: size, block: block}
	if err := c.seek(0); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// seek goes to the start of block n of the key stream.
func (c *ctrCipher) seek(n uint64) error {
	stream, err := c.at(c, n)
	if err != nil {
		return err
	}
	aes.Release(c.stream)
	c.stream, c.done = stream, n*uint64(c.block)
	return nil
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

// Close wipes what may be left of the key stream. The cipher is not used after that, but
// for another Close at once.
func (c *ctrCipher) Close() {
	if c.key == nil {
		return
	}
	aes.Release(c.stream)
	*c = ctrCipher{}
	ctrCiphers.Put(c)
}
