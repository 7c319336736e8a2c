package softhsm2

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/subtle"

	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// The parts of a sealed key, in bytes, and how often SHA-256 is computed at least.
const (
	saltSize = 8
	keySize  = 32
	rounds   = 1500
)

// magic stands before the key of a token.
var magic = []byte{0x52, 0x4a, 0x52}

// unseal opens the key of a token with the PIN that it is sealed under: ErrPassword.
func unseal(blob []byte, pin *secret.Bytes) (*secret.Bytes, error) {
	if len(blob) < saltSize+2*aes.BlockSize {
		return nil, importer.Formatf("the token's key is cut off")
	}
	salt := blob[:saltSize]
	kek := derive(salt, pin.Expose())
	defer clear(kek[:])
	plain, err := open(kek[:], blob[saltSize:])
	if err != nil {
		return nil, importer.ErrPassword
	}
	defer clear(plain)
	if len(plain) != len(magic)+keySize || subtle.ConstantTimeCompare(plain[:len(magic)], magic) != 1 {
		return nil, importer.ErrPassword
	}
	key := secret.New(keySize)
	copy(key.Expose(), plain[len(magic):])
	return key, nil
}

// derive makes a key of a PIN.
func derive(salt, pin []byte) (key [sha256.Size]byte) {
	first := append(bytes.Clone(salt), pin...)
	defer clear(first)
	key = sha256.Sum256(first)
	for range rounds + int(salt[len(salt)-1]) - 1 {
		key = sha256.Sum256(key[:])
	}
	return key
}

// open decrypts what begins with its IV. The caller wipes the result.
func open(key, sealed []byte) ([]byte, error) {
	if len(sealed) < 2*aes.BlockSize || len(sealed)%aes.BlockSize != 0 {
		return nil, importer.ErrFormat
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	iv, data := sealed[:aes.BlockSize], sealed[aes.BlockSize:]
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	n := int(plain[len(plain)-1])
	if n == 0 || n > aes.BlockSize || !bytes.Equal(plain[len(plain)-n:], bytes.Repeat([]byte{byte(n)}, n)) {
		clear(plain)
		return nil, importer.ErrFormat
	}
	return plain[:len(plain)-n], nil
}
