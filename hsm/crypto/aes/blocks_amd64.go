//go:build !purego

package aes

import "runtime"

// whenForgotten has k wiped when nothing refers to it any more: not to a part of it either,
// such as a schedule that a mode or a call of the assembly works with.
func whenForgotten[T any](k *T, wipe func(*T)) {
	runtime.SetFinalizer(k, nil) // a second one is not allowed
	runtime.SetFinalizer(k, wipe)
}

// maxRun is how many bytes the assembly is given at a time: the garbage collector
// has to wait until it returns.
const maxRun = 64 << 10

// ecb is ECB by a kernel.
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

// cbcDecrypter is decryption in CBC mode by a kernel.
type cbcDecrypter struct {
	keys  *schedule
	crypt func(keys *schedule, iv *[blockSize]byte, dst, src *byte, n int)
	iv    [blockSize]byte // the ciphertext before
}

func (c *cbcDecrypter) BlockSize() int { return blockSize }

func (c *cbcDecrypter) CryptBlocks(dst, src []byte) {
	checkBlocks(dst, src)
	for len(src) > 0 {
		n := min(len(src), maxRun)
		next := [blockSize]byte(src[n-blockSize:])
		c.crypt(c.keys, &c.iv, &dst[0], &src[0], n)
		c.iv = next
		dst, src = dst[n:], src[n:]
	}
}
