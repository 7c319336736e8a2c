package service

import (
	"crypto/sha1"

	"golang.org/x/crypto/chacha20"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/aes"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// checkValueSize is the length of CKA_CHECK_VALUE in bytes.
const checkValueSize = 3

// completeSecret makes the attributes of a secret key, of which CKA_VALUE is value itself,
// and checks its length: 16, 24 or 32 bytes for AES, 32 or 64 for AES-XTS, 32 for
// ChaCha20, at least one for the rest.
func completeSecret(kt ck.KeyType, value []byte) (ck.Template, error) {
	return new(Room).complete(kt, value)
}

// Room is memory for the attributes of a secret key.
type Room struct {
	list    [5]ck.Attribute
	numbers [3 * ck.UlongSize]byte
	check   [aesBlockSize]byte

	// Deferred leaves out CKA_CHECK_VALUE, for CheckValue to compute it later.
	Deferred bool
}

// complete is completeSecret into r, which is zero.
func (r *Room) complete(kt ck.KeyType, value []byte) (ck.Template, error) {
	if len(value) == 0 {
		return nil, ck.Errorf(ck.CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE is missing")
	}
	if err := checkSize(kt, value); err != nil {
		return nil, err
	}
	b := r.numbers[:0]
	number := func(t ck.AttributeType, v uint64) ck.Attribute {
		at := len(b)
		b = ck.AppendUlong(b, v)
		return ck.Bytes(t, b[at:len(b):len(b)])
	}
	list := append(r.list[:0],
		number(ck.CKA_CLASS, uint64(ck.CKO_SECRET_KEY)),
		number(ck.CKA_KEY_TYPE, uint64(kt)),
		ck.Bytes(ck.CKA_VALUE, value),
		number(ck.CKA_VALUE_LEN, uint64(len(value))),
	)
	if r.Deferred {
		return list, nil
	}
	if kcv := checkValue(kt, value, &r.check); kcv != nil {
		list = append(list, ck.Bytes(ck.CKA_CHECK_VALUE, kcv))
	}
	return list, nil
}

// checkSize checks the length of the value of a secret key, and that the halves of an
// AES-XTS key differ.
func checkSize(kt ck.KeyType, value []byte) error {
	switch kt {
	case ck.CKK_AES:
		if n := len(value); n != 16 && n != 24 && n != 32 {
			return ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "AES keys have 16, 24 or 32 bytes, not %d", n)
		}
	case ck.CKK_CHACHA20:
		if len(value) != chacha20.KeySize {
			return ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "ChaCha20 keys have 32 bytes, not %d", len(value))
		}
	case ck.CKK_AES_XTS:
		if err := aes.CheckXTS(value); err != nil {
			return ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "AES-XTS keys have 32 or 64 bytes, and two halves: %w", err)
		}
	}
	return nil
}

// CheckValue computes the CKA_CHECK_VALUE of a secret key that was made without
// (Room.Deferred); nil if there is none.
func CheckValue(kt ck.KeyType, value []byte) []byte {
	return checkValue(kt, value, new([aesBlockSize]byte))
}

// checkValue computes CKA_CHECK_VALUE (section 4.10.2): the start of a block of
// zeros encrypted under the key or, where the key has no block cipher, of the
// SHA-1 of its value; nil where there is no SHA-1. It is in block, which is zero.
func checkValue(kt ck.KeyType, value []byte, block *[aesBlockSize]byte) []byte {
	if kt == ck.CKK_AES {
		if aes.EncryptOnce(value, block) != nil {
			return nil // no key of such a length gets here
		}
		clear(block[checkValueSize:]) // it would be the hash key of GCM
		return block[:checkValueSize:checkValueSize]
	}
	if _, ok := hashByMechanism(ck.CKM_SHA_1); !ok {
		return nil
	}
	secret.Do(func() {
		sum := sha1.Sum(value)
		copy(block[:checkValueSize], sum[:])
	})
	return block[:checkValueSize:checkValueSize]
}
