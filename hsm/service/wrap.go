package service

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// wrapBy makes a wrapping of an encryption.
func wrapBy(encrypt func(*Key, *ck.Mechanism) (api.Cipher, error)) func(*Key, *ck.Mechanism, []byte, []byte) (int, error) {
	return func(k *Key, m *ck.Mechanism, dst, plain []byte) (int, error) {
		c, err := encrypt(k, m)
		if err != nil {
			return 0, recode(err, wrapCodes)
		}
		defer c.Close()
		n, err := c.OneShot(dst, plain)
		return n, recode(err, wrapCodes)
	}
}

// unwrapBy makes an unwrapping of a decryption.
func unwrapBy(decrypt func(*Key, *ck.Mechanism) (api.Cipher, error)) func(*Key, *ck.Mechanism, []byte) (*secret.Bytes, error) {
	return func(k *Key, m *ck.Mechanism, wrapped []byte) (*secret.Bytes, error) {
		c, err := decrypt(k, m)
		if err != nil {
			return nil, recode(err, unwrapCodes)
		}
		defer c.Close()
		size, err := c.OneShot(nil, wrapped)
		if err != nil {
			return nil, recode(err, unwrapCodes)
		}
		buf := make([]byte, size)
		defer clear(buf)
		n, err := c.OneShot(buf, wrapped)
		if err != nil {
			return nil, recode(err, unwrapCodes)
		}
		return secret.From(buf[:n]), nil
	}
}

// What goes wrong with data has other codes in C_WrapKey and C_UnwrapKey
// (sections 5.18.3 and 5.18.4).
var (
	wrapCodes = map[ck.RV]ck.RV{
		ck.CKR_DATA_LEN_RANGE: ck.CKR_KEY_SIZE_RANGE,
		ck.CKR_DATA_INVALID:   ck.CKR_KEY_NOT_WRAPPABLE,
		ck.CKR_KEY_SIZE_RANGE: ck.CKR_WRAPPING_KEY_SIZE_RANGE,
	}
	unwrapCodes = map[ck.RV]ck.RV{
		ck.CKR_ENCRYPTED_DATA_INVALID:   ck.CKR_WRAPPED_KEY_INVALID,
		ck.CKR_ENCRYPTED_DATA_LEN_RANGE: ck.CKR_WRAPPED_KEY_LEN_RANGE,
		ck.CKR_KEY_SIZE_RANGE:           ck.CKR_UNWRAPPING_KEY_SIZE_RANGE,
	}
)

// recode replaces the code of err by the one that the table gives for it.
func recode(err error, codes map[ck.RV]ck.RV) error {
	if other, ok := codes[ck.Code(err)]; ok {
		return other
	}
	return err
}
