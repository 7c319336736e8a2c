package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"runtime"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

const (
	version  = 1  // first byte of everything sealed
	overhead = 28 // nonce of 12 bytes in front, tag of 16 bytes behind
)

// newAEAD returns AES-256-GCM with a random nonce in front of the ciphertext
// (SP 800-38D, section 8.2.2).
//
// Here and wherever this package hands a key's bytes to others, the key itself is
// kept: a secret that nobody refers to is wiped, and what is then sealed would be
// sealed under zeros.
func newAEAD(key *secret.Bytes) (cipher.AEAD, error) {
	defer runtime.KeepAlive(key)
	if key.Len() != KeySize {
		return nil, ErrWiped
	}
	return aeadUnder(key.Expose())
}

func aeadUnder(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// sealTo appends plain, sealed under key and bound to aad, to dst.
func sealTo(dst []byte, key *secret.Bytes, plain, aad []byte) ([]byte, error) {
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(dst, nil, plain, aad), nil
}

// openTo is the reverse of sealTo: it appends to dst, which must have the room.
func openTo(dst []byte, key *secret.Bytes, sealed, aad []byte) ([]byte, error) {
	defer runtime.KeepAlive(key)
	if key.Len() != KeySize {
		return nil, ErrWiped
	}
	return openUnder(dst, key.Expose(), sealed, aad)
}

// openUnder is openTo with the bytes of a key.
func openUnder(dst, key, sealed, aad []byte) ([]byte, error) {
	aead, err := aeadUnder(key)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(dst, nil, sealed, aad)
	if err != nil {
		return nil, ErrSealBroken
	}
	return plain, nil
}

// openSecret opens sealed into memory of package secret.
func openSecret(key *secret.Bytes, sealed, aad []byte) (*secret.Bytes, error) {
	if len(sealed) < overhead {
		return nil, ErrSealBroken
	}
	s := secret.New(len(sealed) - overhead)
	if _, err := openTo(s.Expose()[:0], key, sealed, aad); err != nil {
		s.Zero()
		return nil, err
	}
	return s, nil
}
