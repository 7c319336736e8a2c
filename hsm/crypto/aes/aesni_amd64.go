//go:build !purego

package aes

import "crypto/cipher"

// aesni is a key for processors without VAES: kernels of eight blocks side by side for
// what the standard library does a block at a time. CTR and GCM are the standard library's,
// which leaves little to be gained: at its best, with 16 KiB and a key of 256 bits, it does
// 4.3 GB/s in CTR and 3.5 in GCM where OpenSSL 3.0, kept to AES-NI and PCLMULQDQ, does 4.9
// and 3.4.
type aesni struct {
	portable
	schedules
}

func newAESNI(key []byte, block cipher.Block) modes {
	a := &aesni{portable: portable{block}}
	a.prepare(key)
	return a
}

// aesniOnce leaves CTR to the standard library, as a key does.
var aesniOnce = once{
	encrypt: func(key []byte, block *[blockSize]byte) {
		var s schedule // on the stack, which a kernel by name leaves it on
		defer clear(s[:])
		expand(&s, key)
		encryptBlocksNI(&s, &block[0], &block[0], blockSize)
	},
	ctr: portableOnce.ctr,
}

func (a *aesni) zero() { a.schedules.zero() }

func (a *aesni) abandon() { whenForgotten(a, (*aesni).zero) }

func (a *aesni) ecb(decrypt bool) cipher.BlockMode {
	if decrypt {
		return ecbs.with(ecb{&a.decrypt, decryptBlocksNI})
	}
	return ecbs.with(ecb{&a.encrypt, encryptBlocksNI})
}

func (a *aesni) cbc(iv *[blockSize]byte, decrypt bool) cipher.BlockMode {
	if decrypt {
		return cbcs.with(cbc{&a.decrypt, decryptCBCNI, true, *iv})
	}
	return cbcs.with(cbc{&a.encrypt, encryptCBC, false, *iv})
}

func (a *aesni) encryptBlock(b [blockSize]byte) [blockSize]byte {
	encryptBlocksNI(&a.encrypt, &b[0], &b[0], blockSize)
	return b
}

func (a *aesni) xts(tweak [blockSize]byte, dst, src []byte, decrypt bool) [blockSize]byte {
	for len(src) > 0 {
		n := min(len(src), maxRun)
		if decrypt {
			decryptXTSNI(&a.decrypt, &tweak, &dst[0], &src[0], n)
		} else {
			encryptXTSNI(&a.encrypt, &tweak, &dst[0], &src[0], n)
		}
		dst, src = dst[n:], src[n:]
	}
	return tweak
}
