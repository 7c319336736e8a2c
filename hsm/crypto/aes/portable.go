package aes

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"

	"github.com/coffer-hsm/coffer/hsm/crypto/gcm"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// portable is the standard library, and hsm/crypto/gcm for what it leaves out. Each
// mode of the standard library has a copy of the key schedule.
type portable struct{ block cipher.Block }

func newPortable(_ []byte, block cipher.Block) modes { return portable{block} }

// portableOnce erases what the standard library leaves, whose key schedule cannot be
// wiped.
var portableOnce = once{
	encrypt: func(key []byte, block *[blockSize]byte) {
		secret.Do(func() { expanded(key).Encrypt(block[:], block[:]) })
	},
	ctr: func(key []byte, counter *[blockSize]byte, b []byte) {
		secret.Do(func() { cipher.NewCTR(expanded(key), counter[:]).XORKeyStream(b, b) })
	},
}

func expanded(key []byte) cipher.Block {
	b, err := aes.NewCipher(key)
	if err != nil { // the size is right
		panic("aes: " + err.Error())
	}
	return b
}

func (p portable) ecb(decrypt bool) cipher.BlockMode {
	if decrypt {
		return eachBlock{p.block.Decrypt}
	}
	return eachBlock{p.block.Encrypt}
}

func (p portable) cbc(iv *[blockSize]byte, decrypt bool) cipher.BlockMode {
	if decrypt {
		return erased(func() cipher.BlockMode { return cipher.NewCBCDecrypter(p.block, iv[:]) })
	}
	return erased(func() cipher.BlockMode { return cipher.NewCBCEncrypter(p.block, iv[:]) })
}

func (p portable) ctr(counter *[blockSize]byte) cipher.Stream {
	return erased(func() cipher.Stream { return cipher.NewCTR(p.block, counter[:]) })
}

func (p portable) encryptBlock(b [blockSize]byte) [blockSize]byte {
	p.block.Encrypt(b[:], b[:])
	return b
}

func (p portable) xts(tweak [blockSize]byte, dst, src []byte, decrypt bool) [blockSize]byte {
	for ; len(src) > 0; dst, src = dst[blockSize:], src[blockSize:] {
		subtle.XORBytes(dst[:blockSize], src, tweak[:])
		if decrypt {
			p.block.Decrypt(dst, dst)
		} else {
			p.block.Encrypt(dst, dst)
		}
		subtle.XORBytes(dst[:blockSize], dst, tweak[:])
		tweak = doubled(tweak)
	}
	return tweak
}

func (p portable) gcm(ivSize, tagSize int) (aead cipher.AEAD, err error) {
	secret.Do(func() { aead, err = gcm.New(p.block, ivSize, tagSize) })
	return aead, err
}

func (p portable) gcmParts(iv, aad []byte, tagSize int) (e GCMEncrypter, err error) {
	secret.Do(func() { e, err = gcm.NewEncrypter(p.block, iv, aad, tagSize) })
	return e, err
}

// erased makes something with a key in it, which is erased when nobody holds it any
// more.
func erased[T any](make func() T) (made T) {
	secret.Do(func() { made = make() })
	return made
}

func (p portable) zero()    {}
func (p portable) abandon() {}

// eachBlock is ECB, which the standard library leaves out.
type eachBlock struct{ crypt func(dst, src []byte) }

func (e eachBlock) BlockSize() int { return blockSize }

func (e eachBlock) CryptBlocks(dst, src []byte) {
	checkBlocks(dst, src)
	for ; len(src) > 0; dst, src = dst[blockSize:], src[blockSize:] {
		e.crypt(dst, src)
	}
}
