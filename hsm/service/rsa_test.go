package service

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"math/big"
	"sync"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// rsaPair is a key pair of 2048 bits made by the mechanism, once for all tests.
var rsaPair = sync.OnceValues(func() (pub, priv *Key) {
	m, _ := Lookup(ck.CKM_RSA_PKCS_KEY_PAIR_GEN)
	p, q, err := m.GenerateKeyPair(nil, ck.Template{ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048))}, nil)
	if err != nil {
		panic(err)
	}
	return newKeyFrom(p), newKeyFrom(q)
})

func rsaVectorPublic(t *testing.T, g *vectorGroup) *Key {
	return completed(t, ck.CKO_PUBLIC_KEY, ck.CKK_RSA,
		ck.Bytes(ck.CKA_MODULUS, unhex(g.PublicKey.Modulus)),
		ck.Bytes(ck.CKA_PUBLIC_EXPONENT, unhex(g.PublicKey.PublicExponent)))
}

func rsaVectorPrivate(t *testing.T, g *vectorGroup) *Key {
	made, err := DecodePrivateKey(unhex(g.PrivateKeyPkcs8))
	if err != nil {
		t.Fatal(err)
	}
	return newKeyFrom(made)
}

func TestRSASignatureVectors(t *testing.T) {
	var keys keyCache
	// There is no CKM_SHA512_224_RSA_PKCS: the DigestInfo comes from the client.
	except := []string{"*_sha512_224_*", "*_sha512_256_*", "rsa_signature_8192_*"}
	forEachVector(t, "rsa_signature_*_test.json", except, func(t *testing.T, g *vectorGroup, c *vectorCase) {
		k := keys.get(g, func() *Key { return rsaVectorPublic(t, g) })
		m := &ck.Mechanism{Type: hashNamed(t, g.Sha).rsaPKCS}
		c.judge(t, verifyWith(t, k, m, unhex(c.Msg), unhex(c.Sig)))
	})
}

// TestRSASigGenVectors has keys of 1024 and 1536 bits too, which may come from
// outside.
func TestRSASigGenVectors(t *testing.T) {
	var keys keyCache
	except := []string{"rsa_pkcs1_[34]*"}
	forEachVector(t, "rsa_pkcs1_*_sig_gen_test.json", except, func(t *testing.T, g *vectorGroup, c *vectorCase) {
		h := hashNamed(t, g.Sha)
		if h.rsaPKCS == 0 {
			return
		}
		k := keys.get(g, func() *Key { return rsaVectorPrivate(t, g) })
		s, err := mechanism(t, h.rsaPKCS).Sign(k, &ck.Mechanism{Type: h.rsaPKCS})
		if err != nil {
			t.Fatal(err)
		}
		sig := make([]byte, len(unhex(c.Sig)))
		if _, err = s.OneShot(sig, unhex(c.Msg)); err == nil && !bytes.Equal(sig, unhex(c.Sig)) {
			err = errors.New("another signature")
		}
		c.judge(t, err)
	})
}

func TestRSAPSSVectors(t *testing.T) {
	var keys keyCache
	// SHAKE is no CKG_MGF1, nor are SHA-512/224 and SHA-512/256.
	except := []string{"*shake*", "*_sha512_224_*", "*_sha512_256_*", "rsa_pss_4096_*", "*_params_test.json"}
	forEachVector(t, "rsa_pss_*_test.json", except, func(t *testing.T, g *vectorGroup, c *vectorCase) {
		h := hashNamed(t, g.Sha)
		mgf := hashNamed(t, g.MgfSha)
		if h.rsaPSS == 0 || mgf.mgf == 0 {
			return
		}
		k := keys.get(g, func() *Key { return rsaVectorPublic(t, g) })
		p := &ck.RSAPSSParams{Hash: h.digest, MGF: mgf.mgf, SaltLen: g.SLen}
		c.judge(t, verifyWith(t, k, &ck.Mechanism{Type: h.rsaPSS, Param: p}, unhex(c.Msg), unhex(c.Sig)))
		d := h.new()
		d.Write(unhex(c.Msg))
		c.judge(t, verifyWith(t, k, &ck.Mechanism{Type: ck.CKM_RSA_PKCS_PSS, Param: p}, d.Sum(nil), unhex(c.Sig)))
	})
}

// decryptVector decrypts a case and compares the message.
func decryptVector(t *testing.T, k *Key, m *ck.Mechanism, c *vectorCase) error {
	d, err := mechanism(t, m.Type).Decrypt(k, m)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	out := make([]byte, len(unhex(c.Msg))) // what fits exactly must do
	n, err := d.OneShot(out, unhex(c.Ct))
	if err == nil && !bytes.Equal(out[:n], unhex(c.Msg)) {
		return errors.New("another message")
	}
	return err
}

func TestRSAOAEPVectors(t *testing.T) {
	var keys keyCache
	// There is no CKG_MGF1_SHA512_224. The file of odds and ends has a key for each
	// case, which takes long.
	except := []string{"*_mgf1sha512_*", "rsa_oaep_[34]*", "rsa_oaep_misc_*"}
	forEachVector(t, "rsa_oaep_*_test.json", except, func(t *testing.T, g *vectorGroup, c *vectorCase) {
		mgf := hashNamed(t, g.MgfSha)
		if mgf.mgf == 0 {
			return
		}
		k := keys.get(g, func() *Key { return rsaVectorPrivate(t, g) })
		p := &ck.RSAOAEPParams{Hash: hashNamed(t, g.Sha).digest, MGF: mgf.mgf, Source: ck.CKZ_DATA_SPECIFIED, Label: unhex(c.Label)}
		err := decryptVector(t, k, &ck.Mechanism{Type: ck.CKM_RSA_PKCS_OAEP, Param: p}, c)
		c.judge(t, err)
		checkDecryptCode(t, c, err)
	})
}

func TestRSAPKCS1DecryptVectors(t *testing.T) {
	var keys keyCache
	except := []string{"*_sig_gen_*", "rsa_pkcs1_[34]*"}
	forEachVector(t, "rsa_pkcs1_*_test.json", except, func(t *testing.T, g *vectorGroup, c *vectorCase) {
		k := keys.get(g, func() *Key { return rsaVectorPrivate(t, g) })
		err := decryptVector(t, k, &ck.Mechanism{Type: ck.CKM_RSA_PKCS}, c)
		c.judge(t, err)
		checkDecryptCode(t, c, err)
	})
}

// checkDecryptCode sees that all failures look alike.
func checkDecryptCode(t *testing.T, c *vectorCase, err error) {
	t.Helper()
	if err != nil && err != ck.CKR_ENCRYPTED_DATA_INVALID && err != ck.CKR_ENCRYPTED_DATA_LEN_RANGE {
		t.Errorf("case %d: %v", c.TcID, err)
	}
}

func TestRSAGenerate(t *testing.T) {
	gen := mechanism(t, ck.CKM_RSA_PKCS_KEY_PAIR_GEN).GenerateKeyPair
	bits := func(n uint64) ck.Attribute { return ck.Ulong(ck.CKA_MODULUS_BITS, n) }
	exponent := func(b ...byte) ck.Attribute { return ck.Bytes(ck.CKA_PUBLIC_EXPONENT, b) }
	for _, c := range []struct {
		name   string
		public ck.Template
		want   ck.RV
	}{
		{"nothing said", nil, ck.CKR_TEMPLATE_INCOMPLETE},
		{"too short", ck.Template{bits(1024)}, ck.CKR_KEY_SIZE_RANGE},
		{"too long", ck.Template{bits(8194)}, ck.CKR_KEY_SIZE_RANGE},
		{"huge", ck.Template{bits(1 << 62)}, ck.CKR_KEY_SIZE_RANGE},
		{"odd", ck.Template{bits(2049)}, ck.CKR_KEY_SIZE_RANGE},
		{"exponent 3", ck.Template{bits(2048), exponent(3)}, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"exponent with zeros", ck.Template{bits(2048), exponent(0, 1, 0, 1)}, ck.CKR_OK},
	} {
		pub, priv, err := gen(nil, c.public, nil)
		if ck.Code(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil {
			continue
		}
		if n, _ := pub.Ulong(ck.CKA_MODULUS_BITS); n != 2048 {
			t.Errorf("%s: %d bits", c.name, n)
		}
		if _, err := parsedAs[*rsaPrivateKey](newKeyFrom(priv)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestRSAX509(t *testing.T) {
	pub, priv := rsaPair()
	n := new(big.Int).SetBytes(pub.attr(ck.CKA_MODULUS))
	m := &ck.Mechanism{Type: ck.CKM_RSA_X_509}
	reg := mechanism(t, m.Type)
	sign := func(data []byte) ([]byte, error) {
		s, err := reg.Sign(priv, m)
		if err != nil {
			t.Fatal(err)
		}
		sig := make([]byte, 256)
		_, err = s.OneShot(sig, data)
		return sig, err
	}
	sig, err := sign([]byte{0, 42})
	if err != nil {
		t.Fatal(err)
	}
	for data, want := range map[string]error{"\x2a": nil, "\x00\x00\x2a": nil, "\x2b": ck.CKR_SIGNATURE_INVALID, "": ck.CKR_SIGNATURE_INVALID} {
		if err := verifyWith(t, pub, m, []byte(data), sig); err != want {
			t.Errorf("verify %x: %v", data, err)
		}
	}
	if _, err := sign(n.Bytes()); err != ck.CKR_DATA_INVALID {
		t.Errorf("signing the modulus: %v", err)
	}
	if _, err := sign(make([]byte, 257)); err != ck.CKR_DATA_LEN_RANGE {
		t.Errorf("signing 257 bytes: %v", err)
	}
	if err := verifyWith(t, pub, m, []byte{1}, n.Bytes()); err != ck.CKR_SIGNATURE_INVALID {
		t.Errorf("the modulus as a signature: %v", err)
	}
	d, _ := reg.Decrypt(priv, m)
	if _, err := d.OneShot(make([]byte, 256), n.Bytes()); err != ck.CKR_ENCRYPTED_DATA_INVALID {
		t.Errorf("decrypting the modulus: %v", err)
	}
	r, _ := reg.VerifyRecover(pub, m)
	out := make([]byte, 256)
	if _, err := r.OneShot(out, sig); err != nil || !bytes.Equal(bytes.TrimLeft(out, "\x00"), []byte{42}) {
		t.Errorf("recovered %x, %v", out, err)
	}
}

// TestRSARecoverPadding feeds verify-recover with blocks that are not quite
// those of a signature.
func TestRSARecoverPadding(t *testing.T) {
	ff := bytes.Repeat([]byte{0xff}, 253)
	block := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, c := range []struct {
		name string
		em   []byte
		data []byte
		want error
	}{
		{"full", block([]byte{0, 1}, ff[:8], []byte{0}, []byte("data")), []byte("data"), nil},
		{"empty", block([]byte{0, 1}, ff, []byte{0}), []byte{}, nil},
		{"zero in data", block([]byte{0, 1}, ff[:9], []byte{0, 0, 1}), []byte{0, 1}, nil},
		{"short padding", block([]byte{0, 1}, ff[:7], []byte{0}, []byte("data")), nil, ck.CKR_SIGNATURE_INVALID},
		{"no end", block([]byte{0, 1}, ff), nil, ck.CKR_SIGNATURE_INVALID},
		{"other byte", block([]byte{0, 1}, ff[:8], []byte{1, 0}), nil, ck.CKR_SIGNATURE_INVALID},
		{"block type 2", block([]byte{0, 2}, ff[:8], []byte{0}), nil, ck.CKR_SIGNATURE_INVALID},
		{"first byte", block([]byte{1, 1}, ff[:8], []byte{0}), nil, ck.CKR_SIGNATURE_INVALID},
	} {
		if data, err := unpadPKCS1(c.em); err != c.want || !bytes.Equal(data, c.data) {
			t.Errorf("%s: %x, %v", c.name, data, err)
		}
	}
}

func TestPSSParameters(t *testing.T) {
	_, priv := rsaPair()
	for _, c := range []struct {
		name string
		mech ck.MechanismType
		p    ck.RSAPSSParams
		want error
	}{
		{"no salt, two hashes", ck.CKM_RSA_PKCS_PSS, ck.RSAPSSParams{Hash: ck.CKM_SHA256, MGF: ck.CKG_MGF1_SHA3_512}, nil},
		{"longest salt", ck.CKM_RSA_PKCS_PSS, ck.RSAPSSParams{Hash: ck.CKM_SHA256, MGF: ck.CKG_MGF1_SHA256, SaltLen: 222}, nil},
		{"longer salt", ck.CKM_RSA_PKCS_PSS, ck.RSAPSSParams{Hash: ck.CKM_SHA256, MGF: ck.CKG_MGF1_SHA256, SaltLen: 223}, ck.CKR_MECHANISM_PARAM_INVALID},
		{"huge salt", ck.CKM_RSA_PKCS_PSS, ck.RSAPSSParams{Hash: ck.CKM_SHA256, MGF: ck.CKG_MGF1_SHA256, SaltLen: ^uint64(0)}, ck.CKR_MECHANISM_PARAM_INVALID},
		{"no hash", ck.CKM_RSA_PKCS_PSS, ck.RSAPSSParams{Hash: ck.CKM_AES_CBC, MGF: ck.CKG_MGF1_SHA256}, ck.CKR_MECHANISM_PARAM_INVALID},
		{"no MGF", ck.CKM_RSA_PKCS_PSS, ck.RSAPSSParams{Hash: ck.CKM_SHA256}, ck.CKR_MECHANISM_PARAM_INVALID},
		{"the mechanism's hash", ck.CKM_SHA256_RSA_PKCS_PSS, ck.RSAPSSParams{Hash: ck.CKM_SHA256, MGF: ck.CKG_MGF1_SHA1}, nil},
		{"another hash", ck.CKM_SHA256_RSA_PKCS_PSS, ck.RSAPSSParams{Hash: ck.CKM_SHA384, MGF: ck.CKG_MGF1_SHA256}, ck.CKR_MECHANISM_PARAM_INVALID},
	} {
		if _, err := mechanism(t, c.mech).Sign(priv, &ck.Mechanism{Type: c.mech, Param: &c.p}); err != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestOAEPParameters(t *testing.T) {
	pub, _ := rsaPair()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	smallPub := newKeyFrom(newRSAPublicKey(&small.PublicKey).attributes())
	for _, c := range []struct {
		name string
		key  *Key
		p    ck.RSAOAEPParams
		want error
	}{
		{"source 0", pub, ck.RSAOAEPParams{Hash: ck.CKM_SHA512_224, MGF: ck.CKG_MGF1_SHA256}, nil},
		{"label without source", pub, ck.RSAOAEPParams{Hash: ck.CKM_SHA256, MGF: ck.CKG_MGF1_SHA256, Label: []byte("x")}, ck.CKR_MECHANISM_PARAM_INVALID},
		{"unknown source", pub, ck.RSAOAEPParams{Hash: ck.CKM_SHA256, MGF: ck.CKG_MGF1_SHA256, Source: 2}, ck.CKR_MECHANISM_PARAM_INVALID},
		{"no hash", pub, ck.RSAOAEPParams{MGF: ck.CKG_MGF1_SHA256}, ck.CKR_MECHANISM_PARAM_INVALID},
		{"no MGF", pub, ck.RSAOAEPParams{Hash: ck.CKM_SHA256}, ck.CKR_MECHANISM_PARAM_INVALID},
		{"no room", smallPub, ck.RSAOAEPParams{Hash: ck.CKM_SHA512, MGF: ck.CKG_MGF1_SHA1}, ck.CKR_KEY_SIZE_RANGE},
	} {
		_, err := mechanism(t, ck.CKM_RSA_PKCS_OAEP).Encrypt(c.key, &ck.Mechanism{Type: ck.CKM_RSA_PKCS_OAEP, Param: &c.p})
		if err != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
