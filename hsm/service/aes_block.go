package service

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// AES in ECB and CBC (section 6.13).
func init() {
	ecb := paddedWrapping(newECB, aesMechanism(ck.CKM_AES_ECB, ck.ParamNone))
	cbc := paddedWrapping(newCBC, aesMechanism(ck.CKM_AES_CBC, ck.ParamBytes))
	cbcPad := wrapping(newCBCPad, aesMechanism(ck.CKM_AES_CBC_PAD, ck.ParamBytes))
	register(aesKeyGen(), ecb, cbc, cbcPad, ecbEncryptData(), cbcEncryptData())
}

func aesKeyGen() Mechanism {
	m := aesMechanism(ck.CKM_AES_KEY_GEN, ck.ParamNone)
	m.GenerateKey = func(_ *ck.Mechanism, tmpl ck.Template) (ck.Template, error) {
		return generateSecret(ck.CKK_AES, tmpl, func(n uint64) bool { return n == 16 || n == 24 || n == 32 })
	}
	return m
}

func newECB(k *Key, _ *ck.Mechanism, d direction) (api.Cipher, error) {
	key, err := k.aes()
	if err != nil {
		return nil, err
	}
	c := blockCiphers.Get().(*blockCipher)
	*c = blockCipher{direction: d, key: key}
	c.start()
	return c, nil
}

func newCBC(k *Key, m *ck.Mechanism, d direction) (api.Cipher, error) {
	return cbcWith(k, m.Param.(*ck.BytesParam).Bytes, d, false)
}

func newCBCPad(k *Key, m *ck.Mechanism, d direction) (api.Cipher, error) {
	return cbcWith(k, m.Param.(*ck.BytesParam).Bytes, d, true)
}

func cbcWith(k *Key, iv []byte, d direction, pad bool) (api.Cipher, error) {
	if len(iv) != aesBlockSize {
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	key, err := k.aes()
	if err != nil {
		return nil, err
	}
	c := blockCiphers.Get().(*blockCipher)
	*c = blockCipher{direction: d, pad: pad, chained: true, key: key}
	copy(c.prev[:], iv)
	c.start()
	return c, nil
}

// The derivations by encryption of data (section 6.27): the new key is the start
// of the ciphertext of the data in the parameter, which is whole blocks.

func ecbEncryptData() Mechanism {
	m := aesMechanism(ck.CKM_AES_ECB_ENCRYPT_DATA, ck.ParamKeyData)
	m.Derive = func(k *Key, m *ck.Mechanism, n int) (*secret.Bytes, error) {
		c, err := newECB(k, m, encrypting)
		if err != nil {
			return nil, err
		}
		return deriveByEncryption(c, m.Param.(*ck.BytesParam).Bytes, n)
	}
	return m
}

func cbcEncryptData() Mechanism {
	m := aesMechanism(ck.CKM_AES_CBC_ENCRYPT_DATA, ck.ParamCBCEncryptData)
	m.Derive = func(k *Key, m *ck.Mechanism, n int) (*secret.Bytes, error) {
		p := m.Param.(*ck.CBCEncryptDataParams)
		c, err := cbcWith(k, p.IV[:], encrypting, false)
		if err != nil {
			return nil, err
		}
		return deriveByEncryption(c, p.Data, n)
	}
	return m
}

func deriveByEncryption(c api.Cipher, data []byte, n int) (*secret.Bytes, error) {
	defer c.Close()
	if len(data) == 0 || len(data)%aesBlockSize != 0 {
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	out := make([]byte, len(data))
	if _, err := c.OneShot(out, data); err != nil {
		return nil, err
	}
	return firstBytes(out, n)
}
