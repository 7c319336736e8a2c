//go:build !purego

package aes

import "crypto/cipher"

// aesni is a key for processors without VAES: kernels of eight blocks side by side for
// what the standard library does a block at a time. Its CTR and GCM are as fast as
// AES-NI gets.
type aesni struct {
	portable
	schedules
}

func newAESNI(key []byte, block cipher.Block) modes {
	a := &aesni{portable: portable{block}}
	a.prepare(key)
	return a
}

// aesniOnce is EncryptOnce.
func aesniOnce(key []byte, block *[blockSize]byte) {
	var s schedule // on the stack, which a kernel by name leaves it on
	defer clear(s[:])
	expand(&s, key)
	encryptBlocksNI(&s, &block[0], &block[0], blockSize)
}

func (a *aesni) zero() { a.schedules.zero() }

func (a *aesni) ecb(decrypt bool) cipher.BlockMode {
	if decrypt {
		return ecb{&a.decrypt, decryptBlocksNI}
	}
	return ecb{&a.encrypt, encryptBlocksNI}
}

func (a *aesni) cbcDecrypter(iv []byte) cipher.BlockMode {
	return &cbcDecrypter{&a.decrypt, decryptCBCNI, [blockSize]byte(iv)}
}

func (a *aesni) xts(tweak *[blockSize]byte, dst, src []byte, decrypt bool) {
	keys, crypt := &a.encrypt, encryptXTSNI
	if decrypt {
		keys, crypt = &a.decrypt, decryptXTSNI
	}
	for len(src) > 0 {
		n := min(len(src), maxRun)
		crypt(keys, tweak, &dst[0], &src[0], n)
		dst, src = dst[n:], src[n:]
	}
}
