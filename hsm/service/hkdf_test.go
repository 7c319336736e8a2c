package service

import (
	"bytes"
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

func hkdfKey(value []byte) *Key {
	return newKeyFrom(ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_HKDF), ck.Bytes(ck.CKA_VALUE, value)})
}

func deriveBy(t *testing.T, value []byte, p ck.HKDFParams, n int) ([]byte, error) {
	t.Helper()
	m := &ck.Mechanism{Type: ck.CKM_HKDF_DERIVE, Param: &p}
	s, err := mechanism(t, m.Type).Derive(hkdfKey(value), m, n)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(s.Expose()), nil
}

// TestHKDF runs the examples of RFC 5869, appendix A: the extraction, the expansion, and
// both in one.
func TestHKDF(t *testing.T) {
	const count = 80
	var ikm, salt, info []byte
	for i := range byte(count) {
		ikm, salt, info = append(ikm, i), append(salt, 0x60+i), append(info, 0xb0+i)
	}
	for _, c := range []struct {
		section         string
		hash            ck.MechanismType
		saltType        ck.Flags
		ikm, salt, info []byte
		prk, okm        string
	}{
		{"A.1", ck.CKM_SHA256, ck.CKF_HKDF_SALT_DATA, bytes.Repeat([]byte{0x0b}, 22), ikm[:13], unhex("f0f1f2f3f4f5f6f7f8f9"),
			"077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
			"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
		{"A.2, the salt a key", ck.CKM_SHA256, ck.CKF_HKDF_SALT_KEY, ikm, salt, info,
			"06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
			"b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
		{"A.3", ck.CKM_SHA256, ck.CKF_HKDF_SALT_NULL, bytes.Repeat([]byte{0x0b}, 22), nil, nil,
			"19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
			"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
		{"A.4", ck.CKM_SHA_1, ck.CKF_HKDF_SALT_DATA, bytes.Repeat([]byte{0x0b}, 11), ikm[:13], unhex("f0f1f2f3f4f5f6f7f8f9"),
			"9b6c18c432a7bf8f0e71c8eb88f4b30baa2ba243",
			"085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2c22e422478d305f3f896"},
	} {
		p := ck.HKDFParams{Extract: true, Hash: c.hash, SaltType: c.saltType, Salt: c.salt, Info: c.info}
		want, prk := unhex(c.okm), unhex(c.prk)
		for _, n := range []int{0, len(prk)} {
			if got, err := deriveBy(t, c.ikm, p, n); err != nil || !bytes.Equal(got, prk) {
				t.Errorf("%s: extracted %x, %v", c.section, got, err)
			}
		}
		p.Expand = true
		if got, err := deriveBy(t, c.ikm, p, len(want)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x, %v", c.section, got, err)
		}
		p.Extract, p.SaltType = false, 99 // ignored
		if got, err := deriveBy(t, prk, p, len(want)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: expanded %x, %v", c.section, got, err)
		}
	}
}

func TestHKDFRefuses(t *testing.T) {
	key := make([]byte, 32)
	iv := []byte("\x00\x0ctls iv\x00")
	for _, c := range []struct {
		name  string
		value []byte
		p     ck.HKDFParams
		n     int
		want  ck.RV
	}{
		{"neither step", key, ck.HKDFParams{Hash: ck.CKM_SHA256}, 32, ck.CKR_MECHANISM_PARAM_INVALID},
		{"no hash", key, ck.HKDFParams{Expand: true, Hash: ck.CKM_AES_ECB}, 32, ck.CKR_MECHANISM_PARAM_INVALID},
		{"no type of salt", key, ck.HKDFParams{Extract: true, Hash: ck.CKM_SHA256}, 32, ck.CKR_MECHANISM_PARAM_INVALID},
		{"two types of salt", key, ck.HKDFParams{Extract: true, Hash: ck.CKM_SHA256, SaltType: 3}, 32, ck.CKR_MECHANISM_PARAM_INVALID},
		{"no length", key, ck.HKDFParams{Expand: true, Hash: ck.CKM_SHA256}, 0, ck.CKR_TEMPLATE_INCOMPLETE},
		{"too long", key, ck.HKDFParams{Expand: true, Hash: ck.CKM_SHA256}, 255*32 + 1, ck.CKR_KEY_SIZE_RANGE},
		{"as long as can be", key, ck.HKDFParams{Expand: true, Hash: ck.CKM_SHA256}, 255 * 32, ck.CKR_OK},
		{"a short base key", key[:31], ck.HKDFParams{Expand: true, Hash: ck.CKM_SHA256}, 32, ck.CKR_KEY_SIZE_RANGE},
		{"extraction cut short", key, ck.HKDFParams{Extract: true, Hash: ck.CKM_SHA256, SaltType: ck.CKF_HKDF_SALT_NULL}, 16, ck.CKR_KEY_SIZE_RANGE},
		{"an IV by a salt key", append(iv, 1), ck.HKDFParams{Extract: true, Hash: ck.CKM_SHA256, SaltType: ck.CKF_HKDF_SALT_KEY, Salt: key}, 0, ck.CKR_MECHANISM_PARAM_INVALID},
		{"more of an IV by a salt key", slices.Concat(key, iv, []byte{2}), ck.HKDFParams{Extract: true, Hash: ck.CKM_SHA256, SaltType: ck.CKF_HKDF_SALT_KEY, Salt: key}, 0, ck.CKR_MECHANISM_PARAM_INVALID},
		{"nearly an IV", append(iv, 2), ck.HKDFParams{Extract: true, Hash: ck.CKM_SHA256, SaltType: ck.CKF_HKDF_SALT_KEY, Salt: key}, 0, ck.CKR_OK},
		{"an IV by salt that is known", append(iv, 1), ck.HKDFParams{Extract: true, Hash: ck.CKM_SHA256, SaltType: ck.CKF_HKDF_SALT_DATA, Salt: key}, 0, ck.CKR_OK},
	} {
		if _, err := deriveBy(t, c.value, c.p, c.n); ck.Code(err) != c.want && (err != nil || c.want != ck.CKR_OK) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestHKDFOverEveryHash(t *testing.T) {
	for i := range hashes {
		p := ck.HKDFParams{Extract: true, Expand: true, Hash: hashes[i].digest, SaltType: ck.CKF_HKDF_SALT_NULL}
		if got, err := deriveBy(t, make([]byte, 16), p, 100); err != nil || len(got) != 100 {
			t.Errorf("%v: %d bytes, %v", p.Hash, len(got), err)
		}
	}
}
