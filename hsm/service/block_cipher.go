package service

import (
	"crypto/cipher"
	"crypto/subtle"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/aes"
)

const aesBlockSize = 16 // bytes: FIPS 197

// direction tells encryption from decryption, where one type does both.
type direction bool

const (
	encrypting direction = false
	decrypting direction = true
)

// lengthRange is the code for an input of a length that cannot be.
func (d direction) lengthRange() error {
	if d == decrypting {
		return ck.CKR_ENCRYPTED_DATA_LEN_RANGE
	}
	return ck.CKR_DATA_LEN_RANGE
}

// blockCipher is an api.Cipher in a mode that works in whole blocks, in either
// direction. It is the one place where parts are put together to blocks.
//
// Without padding it holds back only what does not fill a block. With padding
// (PKCS #7, RFC 5652 section 6.3), decryption holds back a whole block too, as it
// may be the last.
type blockCipher struct {
	direction
	pad     bool
	chained bool // CBC, not ECB
	key     *aesKey
	mode    cipher.BlockMode
	// prev is the last ciphertext block that mode has seen, or the IV.
	prev [aesBlockSize]byte
	part [aesBlockSize]byte // what is held back
	n    int                // bytes in part
	work [aesBlockSize]byte // a block on its way
}

// blockCiphers are those that have been closed.
var blockCiphers = sync.Pool{New: func() any { return new(blockCipher) }}

// start makes the mode, from prev on.
func (c *blockCipher) start() {
	aes.Release(c.mode)
	switch {
	case !c.chained && c.direction == decrypting:
		c.mode = c.key.ECBDecrypter()
	case !c.chained:
		c.mode = c.key.ECBEncrypter()
	case c.direction == decrypting:
		c.mode = c.key.CBCDecrypter(&c.prev)
	default:
		c.mode = c.key.CBCEncrypter(&c.prev)
	}
}

// whole is how many bytes come out at once after more bytes have gone in.
func (c *blockCipher) whole(more int) int {
	total := c.n + more
	if out := total - total%aesBlockSize; out < total || !c.holdsBlock() {
		return out
	}
	return max(0, total-aesBlockSize)
}

// holdsBlock reports whether the last block may not come out before Final.
func (c *blockCipher) holdsBlock() bool { return c.pad && c.direction == decrypting }

func (c *blockCipher) Update(dst, src []byte) (int, error) {
	out := c.whole(len(src))
	if n, done, err := fits(dst, out); done {
		return n, err
	}
	done := 0
	for ; done < out && c.n > 0; done += aesBlockSize {
		src = c.shifted(dst[done:], src)
	}
	if bulk := out - done; bulk > 0 {
		c.crypt(dst[done:out], src[:bulk])
		src = src[bulk:]
	}
	c.n += copy(c.part[c.n:], src)
	return out, nil
}

// shifted does one block that begins in part and returns the rest of src. dst may
// be the memory of src: the bytes of src that dst is about to take the place of
// go into part first.
func (c *blockCipher) shifted(dst, src []byte) []byte {
	copy(c.work[:], c.part[:c.n])
	src = src[copy(c.work[c.n:], src):]
	c.n = copy(c.part[:c.n], src)
	c.crypt(dst[:aesBlockSize], c.work[:])
	return src[c.n:]
}

// crypt does whole blocks and keeps the last of the ciphertext.
func (c *blockCipher) crypt(dst, src []byte) {
	last := len(src) - aesBlockSize
	if c.direction == decrypting { // dst may be the memory of src
		copy(c.prev[:], src[last:])
	}
	c.mode.CryptBlocks(dst, src)
	if c.direction == encrypting {
		copy(c.prev[:], dst[last:])
	}
}

func (c *blockCipher) Final(dst []byte) (int, error) {
	switch {
	case !c.pad:
		return c.finalWhole(dst)
	case c.direction == encrypting:
		return c.finalPad(dst)
	}
	return c.finalUnpad(dst)
}

func (c *blockCipher) finalWhole(dst []byte) (int, error) {
	if c.n != 0 && dst != nil {
		return 0, c.lengthRange()
	}
	return 0, nil
}

func (c *blockCipher) finalPad(dst []byte) (int, error) {
	if n, done, err := fits(dst, aesBlockSize); done {
		return n, err
	}
	for i := c.n; i < aesBlockSize; i++ {
		c.part[i] = byte(aesBlockSize - c.n)
	}
	c.mode.CryptBlocks(dst[:aesBlockSize], c.part[:])
	return aesBlockSize, nil
}

func (c *blockCipher) finalUnpad(dst []byte) (int, error) {
	if dst == nil {
		return aesBlockSize, nil
	}
	if c.n != aesBlockSize {
		return 0, c.lengthRange()
	}
	n, err := c.unpad(c.prev[:], c.part[:])
	if err != nil {
		return 0, err
	}
	if n, done, err := fits(dst, n); done {
		return n, err
	}
	return copy(dst, c.work[:n]), nil
}

// unpad decrypts the last block of CBC into work without moving mode on, and
// returns how many bytes of it are not padding. All paddings that are wrong take
// the same time and get the same answer.
func (c *blockCipher) unpad(prev, last []byte) (int, error) {
	c.key.Decrypt(c.work[:], last)
	subtle.XORBytes(c.work[:], c.work[:], prev)
	pad := int(c.work[aesBlockSize-1])
	ok := subtle.ConstantTimeLessOrEq(1, pad) & subtle.ConstantTimeLessOrEq(pad, aesBlockSize)
	for i, b := range c.work {
		inPad := subtle.ConstantTimeLessOrEq(aesBlockSize-i, pad)
		right := subtle.ConstantTimeByteEq(b, byte(pad))
		ok &= subtle.ConstantTimeSelect(inPad, right, 1)
	}
	if ok != 1 {
		return 0, ck.CKR_ENCRYPTED_DATA_INVALID
	}
	return aesBlockSize - pad, nil
}

func (c *blockCipher) OneShot(dst, src []byte) (int, error) {
	if c.holdsBlock() {
		return c.oneShotUnpad(dst, src)
	}
	need := len(src)
	if c.pad {
		need += aesBlockSize - len(src)%aesBlockSize
	}
	if dst != nil && need%aesBlockSize != 0 {
		return 0, c.lengthRange()
	}
	if n, done, err := fits(dst, need); done {
		return n, err
	}
	n, err := c.Update(dst, src)
	if err != nil {
		return 0, err
	}
	last, err := c.Final(dst[n:])
	return n + last, err
}

// oneShotUnpad looks at the padding first: the length depends on it, and a dst
// just long enough must do.
func (c *blockCipher) oneShotUnpad(dst, src []byte) (int, error) {
	if dst == nil {
		return len(src), nil
	}
	if len(src) == 0 || len(src)%aesBlockSize != 0 {
		return 0, c.lengthRange()
	}
	body, last := src[:len(src)-aesBlockSize], src[len(src)-aesBlockSize:]
	prev := c.prev[:]
	if len(body) > 0 {
		prev = body[len(body)-aesBlockSize:]
	}
	n, err := c.unpad(prev, last)
	if err != nil {
		return 0, err
	}
	if need, done, err := fits(dst, len(body)+n); done {
		return need, err
	}
	c.mode.CryptBlocks(dst[:len(body)], body)
	return len(body) + copy(dst[len(body):], c.work[:n]), nil
}

// Close wipes what may be plaintext. The cipher is not used after that, but for another
// Close at once.
func (c *blockCipher) Close() {
	if c.key == nil {
		return
	}
	aes.Release(c.mode)
	*c = blockCipher{}
	blockCiphers.Put(c)
}
