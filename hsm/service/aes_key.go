package service

import (
	"crypto/aes"
	"crypto/cipher"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// aesKey is the parsed form of an AES key: what is worth making once only.
type aesKey struct {
	cipher.Block
	// gcm is GCM with an IV of 12 and a tag of 16 bytes, or nil where the mode of
	// the Go Cryptographic Module does not have it so.
	gcm cipher.AEAD
}

// aes returns the key ready for use.
func (k *Key) aes() (*aesKey, error) { return parsedAs[*aesKey](k) }

// parseAES answers CKR_ATTRIBUTE_VALUE_INVALID for a value that is not an AES key.
func parseAES(a source) (any, error) {
	block, err := aes.NewCipher(a(ck.CKA_VALUE))
	if err != nil {
		return nil, ck.CKR_ATTRIBUTE_VALUE_INVALID
	}
	key := &aesKey{Block: block}
	if gcm, err := cipher.NewGCM(block); err == nil {
		key.gcm = gcm
	}
	return key, nil
}

// aesMechanism is a mechanism of AES keys; sizes are in bytes.
func aesMechanism(t ck.MechanismType, param ck.ParamKind) Mechanism {
	return Mechanism{Type: t, Min: 16, Max: 32, Param: param, KeyTypes: []ck.KeyType{ck.CKK_AES}}
}
