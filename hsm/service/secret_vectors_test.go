package service

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// secretKey imports a secret key; ok is false for a value that no key of that
// type can have, which the file must then call invalid.
func secretKey(t *testing.T, kt ck.KeyType, c *vectorCase, value []byte) (k *Key, ok bool) {
	t.Helper()
	made, err := Complete(ck.CKO_SECRET_KEY, kt, ck.Template{ck.Bytes(ck.CKA_VALUE, value)})
	if err != nil {
		if c.Result != "invalid" {
			t.Errorf("case %d, %s: key refused: %v", c.TcID, c.Result, err)
		}
		return nil, false
	}
	return newKeyFrom(made), true
}

// decryptWith decrypts in one go into a buffer of just the size that comes out.
func decryptWith(k *Key, m *ck.Mechanism, src []byte) ([]byte, error) {
	reg, _ := Lookup(m.Type)
	c, err := reg.Decrypt(k, m)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	n, err := c.OneShot(make([]byte, 0), src)
	if err == nil {
		return []byte{}, nil
	} else if err != ck.CKR_BUFFER_TOO_SMALL {
		return nil, err
	}
	dst := make([]byte, n)
	n, err = c.OneShot(dst, src)
	return dst[:n], err
}

// encryptWith encrypts in one go into a buffer of the size that is told.
func encryptWith(k *Key, m *ck.Mechanism, src []byte) ([]byte, error) {
	reg, _ := Lookup(m.Type)
	c, err := reg.Encrypt(k, m)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	n, err := c.OneShot(nil, src)
	if err != nil {
		return nil, err
	}
	dst := make([]byte, n)
	n, err = c.OneShot(dst, src)
	return dst[:n], err
}

// checkCipher holds both directions against a case.
func checkCipher(t *testing.T, k *Key, m *ck.Mechanism, c *vectorCase, sealed []byte) {
	t.Helper()
	plain, err := decryptWith(k, m, sealed)
	c.judge(t, err)
	if err == nil && !bytes.Equal(plain, unhex(c.Msg)) {
		t.Errorf("case %d: decrypts to something else", c.TcID)
	}
	if c.Result != "valid" {
		return
	}
	got, err := encryptWith(k, m, unhex(c.Msg))
	if err != nil || !bytes.Equal(got, sealed) {
		t.Errorf("case %d: encrypts to %x, %v; want %x", c.TcID, got, err, sealed)
	}
}

func TestWycheproofGCM(t *testing.T) {
	forEachVector(t, "aes_gcm_test.json", nil, func(t *testing.T, g *vectorGroup, c *vectorCase) {
		k, ok := secretKey(t, ck.CKK_AES, c, unhex(c.Key))
		if !ok {
			return
		}
		m := &ck.Mechanism{Type: ck.CKM_AES_GCM, Param: &ck.GCMParams{
			IV: unhex(c.IV), AAD: unhex(c.Aad), TagBits: uint64(g.TagSize),
		}}
		checkCipher(t, k, m, c, append(unhex(c.Ct), unhex(c.Tag)...))
	})
}

func TestWycheproofCBCPad(t *testing.T) {
	forEachVector(t, "aes_cbc_pkcs5_test.json", nil, func(t *testing.T, g *vectorGroup, c *vectorCase) {
		if k, ok := secretKey(t, ck.CKK_AES, c, unhex(c.Key)); ok {
			m := &ck.Mechanism{Type: ck.CKM_AES_CBC_PAD, Param: &ck.BytesParam{Bytes: unhex(c.IV)}}
			checkCipher(t, k, m, c, unhex(c.Ct))
		}
	})
}

func TestWycheproofKeyWrap(t *testing.T) {
	for file, mt := range map[string]ck.MechanismType{
		"aes_wrap_test.json": ck.CKM_AES_KEY_WRAP,
		"aes_kwp_test.json":  ck.CKM_AES_KEY_WRAP_KWP,
	} {
		forEachVector(t, file, nil, func(t *testing.T, g *vectorGroup, c *vectorCase) {
			k, ok := secretKey(t, ck.CKK_AES, c, unhex(c.Key))
			if !ok {
				return
			}
			m := &ck.Mechanism{Type: mt}
			checkCipher(t, k, m, c, unhex(c.Ct))
			plain, err := mechanism(t, mt).Unwrap(k, m, unhex(c.Ct))
			c.judge(t, err)
			if err == nil && !bytes.Equal(plain.Expose(), unhex(c.Msg)) {
				t.Errorf("case %d: unwraps to something else", c.TcID)
			}
		})
	}
}

func TestWycheproofCMAC(t *testing.T) {
	full, general := ck.CKM_AES_CMAC, ck.CKM_AES_CMAC_GENERAL
	forEachVector(t, "aes_cmac_test.json", nil, func(t *testing.T, g *vectorGroup, c *vectorCase) {
		if k, ok := secretKey(t, ck.CKK_AES, c, unhex(c.Key)); ok {
			checkMAC(t, k, full, general, 128, g, c)
		}
	})
}

func TestWycheproofHMAC(t *testing.T) {
	for file, mt := range map[string]ck.MechanismType{
		"sha1": ck.CKM_SHA_1, "sha224": ck.CKM_SHA224, "sha256": ck.CKM_SHA256, "sha384": ck.CKM_SHA384,
		"sha512": ck.CKM_SHA512, "sha512_224": ck.CKM_SHA512_224, "sha512_256": ck.CKM_SHA512_256,
		"sha3_224": ck.CKM_SHA3_224, "sha3_256": ck.CKM_SHA3_256, "sha3_384": ck.CKM_SHA3_384, "sha3_512": ck.CKM_SHA3_512,
	} {
		h, _ := hashByMechanism(mt)
		forEachVector(t, "hmac_"+file+"_test.json", nil, func(t *testing.T, g *vectorGroup, c *vectorCase) {
			for _, kt := range []ck.KeyType{ck.CKK_GENERIC_SECRET, h.hmac.keyType} {
				if k, ok := secretKey(t, kt, c, unhex(c.Key)); ok {
					checkMAC(t, k, h.hmac.full, h.hmac.general, 8*h.size, g, c)
				}
			}
		})
	}
}

// checkMAC verifies the MAC of a case, and computes it where it is right: by the
// mechanism of full MACs, or the general one where the MAC is a short one.
func checkMAC(t *testing.T, k *Key, full, general ck.MechanismType, fullBits int, g *vectorGroup, c *vectorCase) {
	t.Helper()
	m := &ck.Mechanism{Type: full}
	if g.TagSize != fullBits {
		m = &ck.Mechanism{Type: general, Param: &ck.UlongParam{Value: uint64(g.TagSize / 8)}}
	}
	c.judge(t, verifyWith(t, k, m, unhex(c.Msg), unhex(c.Tag)))
	if c.Result != "valid" {
		return
	}
	s, err := mechanism(t, m.Type).Sign(k, m)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mac := make([]byte, g.TagSize/8)
	if n, err := s.OneShot(mac, unhex(c.Msg)); err != nil || !bytes.Equal(mac[:n], unhex(c.Tag)) {
		t.Errorf("case %d: MAC %x, %v; want %s", c.TcID, mac, err, c.Tag)
	}
}
