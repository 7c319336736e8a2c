package service

import (
	"crypto/cipher"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/aes"
	"github.com/coffer-hsm/coffer/hsm/crypto/gcm"
)

// aesKey is the parsed form of an AES key: what is worth making once only.
type aesKey struct {
	*aes.Key
	// gcm is GCM with an IV of 12 and a tag of 16 bytes, or nil where the mode of
	// the Go Cryptographic Module does not have it so.
	gcm cipher.AEAD
}

// zero wipes the key, with which no operation may be under way.
func (key *aesKey) zero()    { key.Zero() }
func (key *aesKey) abandon() { key.Abandon() }

// aes returns the key ready for use.
func (k *Key) aes() (*aesKey, error) {
	if err := Ready(); err != nil {
		return nil, err
	}
	return parsedAs[*aesKey](k)
}

// parseAES answers CKR_ATTRIBUTE_VALUE_INVALID for a value that is not an AES key.
func parseAES(a source) (any, error) {
	prepared, err := aes.New(a(ck.CKA_VALUE))
	if failed := Ready(); failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, ck.CKR_ATTRIBUTE_VALUE_INVALID
	}
	key := &aesKey{Key: prepared}
	if aead, err := prepared.GCM(gcm.StandardIVSize, gcm.TagSize); err == nil {
		key.gcm = aead
	}
	return key, nil
}

// aesMechanism is a mechanism of AES keys; sizes are in bytes.
func aesMechanism(t ck.MechanismType, param ck.ParamKind) Mechanism {
	return Mechanism{Type: t, Min: 16, Max: 32, Param: param, KeyTypes: []ck.KeyType{ck.CKK_AES}}
}
