package service

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// newCipher starts a cipher in one direction.
type newCipher func(*Key, *ck.Mechanism, direction) (api.Cipher, error)

// ciphering adds encryption and decryption to m.
func ciphering(start newCipher, m Mechanism) Mechanism {
	m.Encrypt = func(k *Key, m *ck.Mechanism) (api.Cipher, error) { return start(k, m, encrypting) }
	m.Decrypt = func(k *Key, m *ck.Mechanism) (api.Cipher, error) { return start(k, m, decrypting) }
	return m
}

// wrapping adds that to m, and the wrapping of keys by it.
func wrapping(start newCipher, m Mechanism) Mechanism {
	m = ciphering(start, m)
	m.Wrap, m.Unwrap = wrapBy(m.Encrypt), unwrapBy(m.Decrypt)
	return m
}

// paddedWrapping is wrapping by a mechanism of whole blocks: it fills up the
// encoding of the key with zeros (sections 6.13.4 and 6.13.5), and leaves it to
// who unwraps to know the length.
func paddedWrapping(start newCipher, m Mechanism) Mechanism {
	m = wrapping(start, m)
	m.Fills = true
	wrap := m.Wrap
	m.Wrap = func(k *Key, m *ck.Mechanism, dst, plain []byte) (int, error) {
		padded := make([]byte, (len(plain)+aesBlockSize-1)/aesBlockSize*aesBlockSize)
		defer clear(padded)
		copy(padded, plain)
		return wrap(k, m, dst, padded)
	}
	return m
}
