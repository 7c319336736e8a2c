package service

import (
	"bytes"
	"crypto/rand"
	encodingasn1 "encoding/asn1"
	"math/big"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// named makes CKA_EC_PARAMS of a curve's name.
func named(t testing.TB, name string) ck.Attribute {
	t.Helper()
	der, err := encodingasn1.MarshalWithParams(name, "printable")
	if err != nil {
		t.Fatal(err)
	}
	return ck.Bytes(ck.CKA_EC_PARAMS, der)
}

// ecPair generates a key pair.
func ecPair(t testing.TB, mt ck.MechanismType, params ck.Attribute) (pub, priv *Key) {
	t.Helper()
	m, ok := Lookup(mt)
	if !ok {
		t.Fatalf("%v is not registered", mt)
	}
	p, q, err := m.GenerateKeyPair(&ck.Mechanism{Type: mt}, ck.Template{params}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return newKeyFrom(p), newKeyFrom(q)
}

// slow picks the cases on the long curves that are left out: nine of ten.
func slow(curve string, c *vectorCase) bool {
	return (curve == "secp384r1" || curve == "secp521r1") && c.TcID%10 != 0
}

func TestECDSAVectors(t *testing.T) {
	var keys keyCache
	forEachVector(t, "ecdsa_secp[235][258][14]r1_sha*_p1363_test.json", []string{"*shake*"}, func(t *testing.T, g *vectorGroup, c *vectorCase) {
		if slow(g.PublicKey.Curve, c) {
			return
		}
		k := keys.get(g, func() *Key {
			return completed(t, ck.CKO_PUBLIC_KEY, ck.CKK_EC, named(t, g.PublicKey.Curve),
				ck.Bytes(ck.CKA_EC_POINT, unhex(g.PublicKey.Uncompressed)))
		})
		h := hashNamed(t, g.Sha)
		c.judge(t, verifyWith(t, k, &ck.Mechanism{Type: h.ecdsa}, unhex(c.Msg), unhex(c.Sig)))
		d := h.new()
		d.Write(unhex(c.Msg))
		c.judge(t, verifyWith(t, k, &ck.Mechanism{Type: ck.CKM_ECDSA}, d.Sum(nil), unhex(c.Sig)))
	})
}

func TestEd25519Vectors(t *testing.T) {
	forEachVector(t, "ed25519_test.json", nil, func(t *testing.T, g *vectorGroup, c *vectorCase) {
		k := completed(t, ck.CKO_PUBLIC_KEY, ck.CKK_EC_EDWARDS, named(t, "edwards25519"),
			ck.Bytes(ck.CKA_EC_POINT, unhex(g.PublicKey.Pk)))
		c.judge(t, verifyWith(t, k, &ck.Mechanism{Type: ck.CKM_EDDSA}, unhex(c.Msg), unhex(c.Sig)))
	})
}

// TestEdDSAVariants has the vectors of RFC 8032, sections 7.2 (foo) and 7.3.
func TestEdDSAVariants(t *testing.T) {
	for _, c := range []struct {
		name, seed, msg, sig string
		param                *ck.EdDSAParams
	}{
		{
			name:  "ctx",
			seed:  "0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6",
			msg:   "f726936d19c800494e3fdaff20b276a8",
			sig:   "55a4cc2f70a54e04288c5f4cd1e45a7bb520b36292911876cada7323198dd87a8b36950b95130022907a7fb7c4e9b2d5f6cca685a587b4b21f4b888e4e7edb0d",
			param: &ck.EdDSAParams{Context: []byte("foo")},
		},
		{
			name:  "ph",
			seed:  "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
			msg:   "616263",
			sig:   "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406",
			param: &ck.EdDSAParams{PreHash: true},
		},
	} {
		k := completed(t, ck.CKO_PRIVATE_KEY, ck.CKK_EC_EDWARDS, named(t, "Ed25519"), ck.Bytes(ck.CKA_VALUE, unhex(c.seed)))
		s, err := signEdDSA(k, &ck.Mechanism{Type: ck.CKM_EDDSA, Param: c.param})
		if err != nil {
			t.Fatal(err)
		}
		sig := make([]byte, 64)
		if _, err := s.OneShot(sig, unhex(c.msg)); err != nil || !bytes.Equal(sig, unhex(c.sig)) {
			t.Errorf("%s: %x, %v", c.name, sig, err)
		}
	}
	_, priv := ecPair(t, ck.CKM_EC_EDWARDS_KEY_PAIR_GEN, named(t, "edwards25519"))
	m := &ck.Mechanism{Type: ck.CKM_EDDSA, Param: &ck.EdDSAParams{Context: make([]byte, 256)}}
	if _, err := signEdDSA(priv, m); err != ck.CKR_MECHANISM_PARAM_INVALID {
		t.Errorf("context of 256 bytes: %v", err)
	}
}

// TestKeyPairMechanisms has which mechanism makes keys on which curve.
func TestKeyPairMechanisms(t *testing.T) {
	for _, c := range []struct {
		mech  ck.MechanismType
		curve string
		kt    ck.KeyType
		want  ck.RV
	}{
		{ck.CKM_EC_KEY_PAIR_GEN, "secp224r1", ck.CKK_EC, ck.CKR_OK},
		{ck.CKM_ECDSA_KEY_PAIR_GEN, "secp521r1", ck.CKK_EC, ck.CKR_OK},
		{ck.CKM_EC_KEY_PAIR_GEN, "edwards25519", ck.CKK_EC_EDWARDS, ck.CKR_OK},
		{ck.CKM_EC_EDWARDS_KEY_PAIR_GEN, "edwards25519", ck.CKK_EC_EDWARDS, ck.CKR_OK},
		{ck.CKM_EC_MONTGOMERY_KEY_PAIR_GEN, "curve25519", ck.CKK_EC_MONTGOMERY, ck.CKR_OK},
		{ck.CKM_EC_EDWARDS_KEY_PAIR_GEN, "curve25519", 0, ck.CKR_CURVE_NOT_SUPPORTED},
		{ck.CKM_EC_MONTGOMERY_KEY_PAIR_GEN, "secp256r1", 0, ck.CKR_CURVE_NOT_SUPPORTED},
		{ck.CKM_EC_KEY_PAIR_GEN, "edwards448", 0, ck.CKR_CURVE_NOT_SUPPORTED},
	} {
		_, priv, err := mechanism(t, c.mech).GenerateKeyPair(nil, ck.Template{named(t, c.curve)}, nil)
		if kt, _ := priv.Ulong(ck.CKA_KEY_TYPE); ck.Code(err) != c.want || ck.KeyType(kt) != c.kt {
			t.Errorf("%v on %s: %v, %v", c.mech, c.curve, ck.KeyType(kt), err)
		}
	}
}

func TestECDSAData(t *testing.T) {
	pub, priv := ecPair(t, ck.CKM_EC_KEY_PAIR_GEN, named(t, "P-256"))
	m := &ck.Mechanism{Type: ck.CKM_ECDSA}
	digest := make([]byte, 65)
	rand.Read(digest)
	for n, want := range map[int]error{0: ck.CKR_DATA_LEN_RANGE, 1: nil, 20: nil, 64: nil, 65: ck.CKR_DATA_LEN_RANGE} {
		s, err := signECDSA(nil)(priv, m)
		if err != nil {
			t.Fatal(err)
		}
		sig := make([]byte, 64)
		if _, err := s.OneShot(sig, digest[:n]); err != want {
			t.Errorf("%d bytes: %v", n, err)
		}
		if want != nil {
			continue
		}
		if err := verifyWith(t, pub, m, digest[:n], sig); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		if n == 64 { // only the first 32 bytes count
			if err := verifyWith(t, pub, m, digest[:32], sig); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestSigValue has signatures of all curves with numbers of any length, and with such as
// no signature has: all are what encoding/asn1 makes of them.
func TestSigValue(t *testing.T) {
	for _, c := range curves {
		if c.nist == nil {
			continue
		}
		for zeros := range c.size + 1 {
			for _, first := range []byte{1, 0x7f, 0x80, 0xff} {
				sig := bytes.Repeat([]byte{first}, 2*c.size)
				clear(sig[:zeros])
				clear(sig[c.size:][:(zeros+1)/2])
				r, s := new(big.Int).SetBytes(sig[:c.size]), new(big.Int).SetBytes(sig[c.size:])
				want, err := encodingasn1.Marshal(struct{ R, S *big.Int }{r, s})
				if err != nil {
					t.Fatal(err)
				}
				var room [maxSigValue]byte
				if got := sigValue(&room, sig); !bytes.Equal(got, want) {
					t.Errorf("%x: %x, want %x", sig, got, want)
				}
				if back, err := concatenated(nil, want, c.size); err != nil || !bytes.Equal(back, sig) {
					t.Errorf("%x: back %x, %v", sig, back, err)
				}
			}
		}
	}
}

// TestECDSAForm has signatures whose numbers are short, long and not there.
func TestECDSAForm(t *testing.T) {
	for der, want := range map[string]string{
		"3006020101020102":     "0000000100000002",
		"3008020200ff02020100": "000000ff00000100",
	} {
		got, err := concatenated([]byte{7}, unhex(der), 4)
		if err != nil || !bytes.Equal(got, unhex("07"+want)) {
			t.Errorf("%s: %x, %v", der, got, err)
		}
	}
	for _, der := range []string{"", "30", "3003020101", "300a0205010101010102010200"} {
		if _, err := concatenated([]byte{7}, unhex(der), 4); err != ck.CKR_FUNCTION_FAILED {
			t.Errorf("%s: %v", der, err)
		}
	}
}
