package service

import (
	"crypto/sha1"
	"slices"

	"golang.org/x/crypto/chacha20"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/aes"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// checkValueSize is the length of CKA_CHECK_VALUE in bytes.
const checkValueSize = 3

// completeSecret makes the attributes of a secret key, and checks its length:
// 16, 24 or 32 bytes for AES, 32 or 64 for AES-XTS, 32 for ChaCha20, at least one for
// the rest.
func completeSecret(kt ck.KeyType, value []byte) (ck.Template, error) {
	if len(value) == 0 {
		return nil, ck.Errorf(ck.CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE is missing")
	}
	kcv, err := checkValue(kt, value)
	if err != nil {
		return nil, err
	}
	made := ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY),
		ck.Ulong(ck.CKA_KEY_TYPE, kt),
		ck.Bytes(ck.CKA_VALUE, slices.Clone(value)),
		ck.Ulong(ck.CKA_VALUE_LEN, uint64(len(value))),
	}
	if kcv != nil {
		made = append(made, ck.Bytes(ck.CKA_CHECK_VALUE, kcv))
	}
	return made, nil
}

// checkValue computes CKA_CHECK_VALUE (section 4.10.2): the start of a block of
// zeros encrypted under the key or, where the key has no block cipher, of the
// SHA-1 of its value; nil where there is no SHA-1.
func checkValue(kt ck.KeyType, value []byte) ([]byte, error) {
	switch {
	case kt == ck.CKK_CHACHA20 && len(value) != chacha20.KeySize:
		return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "ChaCha20 keys have 32 bytes, not %d", len(value))
	case kt == ck.CKK_AES_XTS:
		if err := aes.CheckXTS(value); err != nil {
			return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "AES-XTS keys have 32 or 64 bytes, and two halves: %w", err)
		}
	}
	if kt != ck.CKK_AES {
		if _, ok := hashByMechanism(ck.CKM_SHA_1); !ok {
			return nil, nil
		}
		var sum [sha1.Size]byte
		secret.Do(func() { sum = sha1.Sum(value) })
		return slices.Clone(sum[:checkValueSize]), nil
	}
	var zeros [aesBlockSize]byte
	if err := aes.EncryptOnce(value, &zeros); err != nil {
		return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "AES keys have 16, 24 or 32 bytes, not %d", len(value))
	}
	return zeros[:checkValueSize:checkValueSize], nil
}
