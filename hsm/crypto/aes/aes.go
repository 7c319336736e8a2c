// Package aes is AES (FIPS 197) in the modes that the standard library lacks or
// runs too slowly: ECB, CBC, CTR (NIST SP 800-38A) and GCM (SP
// 800-38D), in the shapes of crypto/cipher, and XTS (SP 800-38E).
//
// On a processor with VAES, VPCLMULQDQ and AVX-512 they are assembly that does 32
// blocks at a time; with AES-NI alone, ECB, CBC decryption and XTS are, eight blocks at a
// time. CBC encryption is assembly with either, where each block has to wait for the one
// before: it is here for the key schedule, of which a mode of the standard library leaves a
// copy in memory each time. All else, all of it with the build tag purego, and in approved
// mode unless that is configured otherwise (see fips.MayAccelerate), is the standard
// library. No instruction of the assembly takes a time, a branch or an address
// from a key or from data: AES and the carry-less multiplication are instructions
// of their own, there are no tables to look things up in, and the loops depend on
// lengths only. So there is nothing for a measurement of its timing to find.
package aes

import (
	"crypto/aes"
	"crypto/cipher"
	"unsafe"

	"github.com/coffer-hsm/coffer/fips"
)

const blockSize = aes.BlockSize

// Key is an AES key ready for use in all modes. It may be used from many threads
// at once, but not while it is wiped or after that. As a cipher.Block it is the standard
// library's.
type Key struct {
	cipher.Block
	modes modes
}

// modes is what an implementation has. Data is checked by who is given it.
type modes interface {
	ecb(decrypt bool) cipher.BlockMode
	cbc(iv *[blockSize]byte, decrypt bool) cipher.BlockMode
	ctr(counter *[blockSize]byte) cipher.Stream
	// encryptBlock encrypts one block. It takes and returns the block itself, as xts does
	// a tweak: what is pointed to is on the heap when an implementation is called.
	encryptBlock(b [blockSize]byte) [blockSize]byte
	// xts does whole blocks, from that of a tweak on, and returns that of the next.
	xts(tweak [blockSize]byte, dst, src []byte, decrypt bool) [blockSize]byte
	gcm(ivSize, tagSize int) (cipher.AEAD, error)
	gcmParts(iv, aad []byte, tagSize int) (GCMEncrypter, error)
	zero()
	// abandon has zero called when nobody uses the key any more.
	abandon()
}

// GCMEncrypter is an encryption by GCM in parts. Decryption has none on purpose:
// nothing may be handed out before the tag has been checked.
type GCMEncrypter interface {
	// Encrypt does the next part: len(dst) is at least len(src), and they are the
	// same memory or do not overlap. All parts together have at most
	// gcm.MaxPlaintext bytes; the caller sees to that.
	Encrypt(dst, src []byte)
	// Tag ends the encryption and returns the tag.
	Tag() []byte
}

// implementation is one way to do all of it; its functions are given a key of a right
// size.
type implementation struct {
	name string
	make func(key []byte, block cipher.Block) modes
	once once
}

// once is what is done with a key that is not kept.
type once struct {
	encrypt func(key []byte, block *[blockSize]byte)             // EncryptOnce
	ctr     func(key []byte, counter *[blockSize]byte, b []byte) // CTROnce
}

// implementations are those that work here, the fastest last. All of them are
// under the same tests.
var implementations = append([]implementation{{"portable", newPortable, portableOnce}}, accelerated()...)

// New prepares a key of 16, 24 or 32 bytes. Errors: aes.KeySizeError, and that of
// fips.Failed.
func New(key []byte) (*Key, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if !fips.MayAccelerate() {
		return &Key{block, newPortable(key, block)}, nil
	}
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	return &Key{block, fastest().make(key, block)}, nil
}

// EncryptOnce encrypts one block, in place, under a key that is not needed any further,
// of which nothing is left behind, where the standard library does it as far as secret.Do
// sees to that. It is for check values, not for data: it works in the error state too, by
// the standard library. Error: aes.KeySizeError.
func EncryptOnce(key []byte, block *[blockSize]byte) error {
	o, err := onceFor(key)
	if err == nil {
		o.encrypt(key, block)
	}
	return err
}

// CTROnce is CTR of b in place, from counter on, under a key that is not needed any
// further; for random numbers, whose key is another one for each request. What is left
// behind, the error state and the error are as with EncryptOnce.
func CTROnce(key []byte, counter *[blockSize]byte, b []byte) error {
	o, err := onceFor(key)
	if err == nil {
		o.ctr(key, counter, b)
	}
	return err
}

func onceFor(key []byte) (once, error) {
	switch len(key) {
	case 16, 24, 32:
	default:
		return once{}, aes.KeySizeError(len(key))
	}
	if !fips.MayAccelerate() || selfTest.Ready() != nil {
		return portableOnce, nil
	}
	return fastest().once, nil
}

// Path names the implementation of keys that are prepared now: "portable" is the
// standard library.
func Path() string {
	if !fips.MayAccelerate() {
		return implementations[0].name
	}
	return fastest().name
}

func fastest() implementation { return implementations[len(implementations)-1] }

// ECBEncrypter is encryption of each block for itself.
func (k *Key) ECBEncrypter() cipher.BlockMode { return k.modes.ecb(false) }

// ECBDecrypter is decryption of each block for itself.
func (k *Key) ECBDecrypter() cipher.BlockMode { return k.modes.ecb(true) }

// CBCEncrypter is encryption in CBC mode.
func (k *Key) CBCEncrypter(iv *[blockSize]byte) cipher.BlockMode { return k.modes.cbc(iv, false) }

// CBCDecrypter is decryption in CBC mode.
func (k *Key) CBCDecrypter(iv *[blockSize]byte) cipher.BlockMode { return k.modes.cbc(iv, true) }

// CTR is counter mode. The counter is the whole block; who has a shorter one sees
// to it that it does not come back to 0.
func (k *Key) CTR(counter *[blockSize]byte) cipher.Stream { return k.modes.ctr(counter) }

// Release wipes an ECB, CBC or CTR that a Key has made and that nobody uses any more, and
// keeps its memory for another one. Those of the standard library, which cannot be wiped,
// are left to the garbage collector.
func Release(mode any) {
	if m, ok := mode.(interface{ release() }); ok {
		m.release()
	}
}

// GCM is GCM with IVs of ivSize and tags of tagSize bytes: those of
// hsm/crypto/gcm, with its errors.
func (k *Key) GCM(ivSize, tagSize int) (cipher.AEAD, error) { return k.modes.gcm(ivSize, tagSize) }

// NewGCMEncrypter starts an encryption by GCM in parts. It does not keep iv or
// aad. Errors: as GCM.
func (k *Key) NewGCMEncrypter(iv, aad []byte, tagSize int) (GCMEncrypter, error) {
	return k.modes.gcmParts(iv, aad, tagSize)
}

// Zero wipes the key, which nothing may be using. What the standard library holds of it
// cannot be reached and is left to the garbage collector.
func (k *Key) Zero() { k.modes.zero() }

// Abandon has the key wiped when nothing uses it any more, for an owner who is done with
// it while others may still work with what was made of it.
func (k *Key) Abandon() { k.modes.abandon() }

// checkOutput panics, as crypto/cipher does, on buffers that no caller may pass:
// too short an output, or one that overlaps the input in another place.
func checkOutput(dst, src []byte) {
	if len(dst) < len(src) {
		panic("aes: output smaller than input")
	}
	if len(src) == 0 {
		return
	}
	d, s := uintptr(unsafe.Pointer(&dst[0])), uintptr(unsafe.Pointer(&src[0]))
	if n := uintptr(len(src)); d != s && d < s+n && s < d+n {
		panic("aes: invalid buffer overlap")
	}
}

func checkBlocks(dst, src []byte) {
	if len(src)%blockSize != 0 {
		panic("aes: input not full blocks")
	}
	checkOutput(dst, src)
}
