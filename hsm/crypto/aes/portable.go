package aes

import (
	"crypto/cipher"

	"github.com/coffer-hsm/coffer/hsm/crypto/gcm"
)

// portable is the standard library, and hsm/crypto/gcm for what it leaves out.
type portable struct{ block cipher.Block }

func newPortable(_ []byte, block cipher.Block) modes { return portable{block} }

func (p portable) ecb(decrypt bool) cipher.BlockMode {
	if decrypt {
		return eachBlock{p.block.Decrypt}
	}
	return eachBlock{p.block.Encrypt}
}

func (p portable) cbcDecrypter(iv []byte) cipher.BlockMode {
	return cipher.NewCBCDecrypter(p.block, iv)
}

func (p portable) ctr(counter []byte) cipher.Stream { return cipher.NewCTR(p.block, counter) }

func (p portable) gcm(ivSize, tagSize int) (cipher.AEAD, error) {
	return gcm.New(p.block, ivSize, tagSize)
}

func (p portable) gcmParts(iv, aad []byte, tagSize int) (GCMEncrypter, error) {
	return gcm.NewEncrypter(p.block, iv, aad, tagSize)
}

func (p portable) zero() {}

// eachBlock is ECB, which the standard library leaves out.
type eachBlock struct{ crypt func(dst, src []byte) }

func (e eachBlock) BlockSize() int { return blockSize }

func (e eachBlock) CryptBlocks(dst, src []byte) {
	checkBlocks(dst, src)
	for ; len(src) > 0; dst, src = dst[blockSize:], src[blockSize:] {
		e.crypt(dst, src)
	}
}
