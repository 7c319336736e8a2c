package service

import (
	"bytes"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

func mlkemParams(id uint64) ck.Attribute { return ck.Ulong(ck.CKA_PARAMETER_SET, id) }

// mlkemPair generates a pair.
func mlkemPair(t testing.TB, id uint64) (pub, priv *Key) {
	t.Helper()
	p, q, err := generateMLKEM(nil, ck.Template{mlkemParams(id)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return newKeyFrom(p), newKeyFrom(q)
}

// mlkemFiles are the parameter sets and their part in the names of Wycheproof's files.
var mlkemFiles = map[string]uint64{"768": ck.CKP_ML_KEM_768, "1024": ck.CKP_ML_KEM_1024}

// TestMLKEMKeyGenVectors holds the expanded keys against those of other
// implementations.
func TestMLKEMKeyGenVectors(t *testing.T) {
	for name, id := range mlkemFiles {
		forEachVector(t, "mlkem_"+name+"_keygen_seed_test.json", nil, func(t *testing.T, _ *vectorGroup, c *vectorCase) {
			made, err := Complete(ck.CKO_PRIVATE_KEY, ck.CKK_ML_KEM, ck.Template{mlkemParams(id), ck.Bytes(ck.CKA_SEED, unhex(c.Seed))})
			if err != nil {
				t.Fatal(c.TcID, err)
			}
			if !bytes.Equal(sourceOf(made)(ck.CKA_VALUE), unhex(c.Dk)) {
				t.Errorf("case %d: another decapsulation key", c.TcID)
			}
			if info := sourceOf(made)(ck.CKA_PUBLIC_KEY_INFO); !bytes.HasSuffix(info, unhex(c.Ek)) {
				t.Errorf("case %d: another encapsulation key", c.TcID)
			}
		})
	}
}

func TestMLKEMDecapsulationVectors(t *testing.T) {
	for name, id := range mlkemFiles {
		forEachVector(t, "mlkem_"+name+"_test.json", nil, func(t *testing.T, _ *vectorGroup, c *vectorCase) {
			made, err := Complete(ck.CKO_PRIVATE_KEY, ck.CKK_ML_KEM, ck.Template{mlkemParams(id), ck.Bytes(ck.CKA_SEED, unhex(c.Seed))})
			if err != nil {
				c.judge(t, err)
				return
			}
			shared, err := decapsulateMLKEM(newKeyFrom(made), nil, 0, unhex(c.C))
			if err == nil && !bytes.Equal(shared.Expose(), unhex(c.K)) {
				t.Errorf("case %d: another secret", c.TcID)
			}
			c.judge(t, err)
		})
	}
}

// TestMLKEMPublicKeyVectors has keys whose coefficients are not below the prime.
func TestMLKEMPublicKeyVectors(t *testing.T) {
	for name, id := range mlkemFiles {
		forEachVector(t, "mlkem_"+name+"_encaps_test.json", nil, func(t *testing.T, _ *vectorGroup, c *vectorCase) {
			_, err := Complete(ck.CKO_PUBLIC_KEY, ck.CKK_ML_KEM, ck.Template{mlkemParams(id), ck.Bytes(ck.CKA_VALUE, unhex(c.Ek))})
			c.judge(t, err)
		})
	}
}

func TestMLKEMEncapsulate(t *testing.T) {
	for _, set := range mlkemSets {
		pub, priv := mlkemPair(t, set.id)
		n, s, err := encapsulateMLKEM(pub, nil, 0, nil)
		if n != set.cipherSize || s != nil || err != nil {
			t.Error("question:", n, s, err)
		}
		n, s, err = encapsulateMLKEM(pub, nil, 32, make([]byte, set.cipherSize-1))
		if n != set.cipherSize || s != nil || ck.Code(err) != ck.CKR_BUFFER_TOO_SMALL {
			t.Error("one byte short:", n, s, err)
		}
		out := make([]byte, set.cipherSize+1)
		n, s, err = encapsulateMLKEM(pub, nil, 32, out)
		if err != nil || n != set.cipherSize || out[n] != 0 {
			t.Fatal(n, err)
		}
		same, err := decapsulateMLKEM(priv, nil, 32, out[:n])
		if err != nil || !bytes.Equal(same.Expose(), s.Expose()) || s.Len() != 32 {
			t.Error("the two sides differ:", err)
		}
		if _, _, err := encapsulateMLKEM(pub, nil, 16, out); ck.Code(err) != ck.CKR_KEY_SIZE_RANGE {
			t.Error("half a secret:", err)
		}
		if _, err := decapsulateMLKEM(priv, nil, 33, out[:n]); ck.Code(err) != ck.CKR_KEY_SIZE_RANGE {
			t.Error("more than the secret:", err)
		}
		for _, wrong := range [][]byte{nil, out[:n-1], out} {
			if _, err := decapsulateMLKEM(priv, nil, 0, wrong); ck.Code(err) != ck.CKR_WRAPPED_KEY_LEN_RANGE {
				t.Errorf("%d bytes: %v", len(wrong), err)
			}
		}
		if _, err := decapsulateMLKEM(pub, nil, 0, out[:n]); ck.Code(err) != ck.CKR_KEY_TYPE_INCONSISTENT {
			t.Error("with the public key:", err)
		}
		priv.Zero()
		if _, err := decapsulateMLKEM(priv, nil, 0, out[:n]); err == nil {
			t.Error("a wiped key decapsulates")
		}
	}
}

func TestCompleteMLKEM(t *testing.T) {
	pub, priv := mlkemPair(t, ck.CKP_ML_KEM_768)
	seed, dk, ek := ck.Bytes(ck.CKA_SEED, priv.attr(ck.CKA_SEED)), ck.Bytes(ck.CKA_VALUE, priv.Value()), ck.Bytes(ck.CKA_VALUE, pub.Value())
	otherDK := bytes.Clone(dk.Value)
	otherDK[7] ^= 1
	for _, c := range []struct {
		name  string
		class ck.ObjectClass
		tmpl  ck.Template
		want  ck.RV
	}{
		{"seed", ck.CKO_PRIVATE_KEY, ck.Template{mlkemParams(ck.CKP_ML_KEM_768), seed}, ck.CKR_OK},
		{"seed and value", ck.CKO_PRIVATE_KEY, ck.Template{mlkemParams(ck.CKP_ML_KEM_768), seed, dk}, ck.CKR_OK},
		{"value of another", ck.CKO_PRIVATE_KEY, ck.Template{mlkemParams(ck.CKP_ML_KEM_768), seed, ck.Bytes(ck.CKA_VALUE, otherDK)}, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"value of another set", ck.CKO_PRIVATE_KEY, ck.Template{mlkemParams(ck.CKP_ML_KEM_1024), seed, dk}, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"value alone", ck.CKO_PRIVATE_KEY, ck.Template{mlkemParams(ck.CKP_ML_KEM_768), dk}, ck.CKR_TEMPLATE_INCOMPLETE},
		{"short seed", ck.CKO_PRIVATE_KEY, ck.Template{mlkemParams(ck.CKP_ML_KEM_768), ck.Bytes(ck.CKA_SEED, seed.Value[1:])}, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"no set", ck.CKO_PRIVATE_KEY, ck.Template{seed}, ck.CKR_TEMPLATE_INCOMPLETE},
		{"ML-KEM-512", ck.CKO_PRIVATE_KEY, ck.Template{mlkemParams(ck.CKP_ML_KEM_512), seed}, ck.CKR_PARAMETER_SET_NOT_SUPPORTED},
		{"set of 4 bytes", ck.CKO_PRIVATE_KEY, ck.Template{ck.Bytes(ck.CKA_PARAMETER_SET, make([]byte, 4)), seed}, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"public", ck.CKO_PUBLIC_KEY, ck.Template{mlkemParams(ck.CKP_ML_KEM_768), ek}, ck.CKR_OK},
		{"public of another set", ck.CKO_PUBLIC_KEY, ck.Template{mlkemParams(ck.CKP_ML_KEM_1024), ek}, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"public without value", ck.CKO_PUBLIC_KEY, ck.Template{mlkemParams(ck.CKP_ML_KEM_768)}, ck.CKR_TEMPLATE_INCOMPLETE},
	} {
		if _, err := Complete(c.class, ck.CKK_ML_KEM, c.tmpl); ck.Code(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, _, err := generateMLKEM(nil, ck.Template{mlkemParams(ck.CKP_ML_KEM_512)}, nil); ck.Code(err) != ck.CKR_PARAMETER_SET_NOT_SUPPORTED {
		t.Error(err)
	}
}

// TestMLKEMPKCS8 reads the forms of RFC 9935, section 6: the seed, which we write, and
// both; the expanded key alone is not enough.
func TestMLKEMPKCS8(t *testing.T) {
	_, priv := mlkemPair(t, ck.CKP_ML_KEM_1024)
	der, err := EncodePrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	made, err := DecodePrivateKey(bytes.Clone(der.Expose()))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range made {
		if !bytes.Equal(a.Value, priv.attr(a.Type)) {
			t.Errorf("%v changed", a.Type)
		}
	}
	set := mlkemSets[1]
	info := func(key func(*cryptobyte.Builder)) []byte {
		var b cryptobyte.Builder
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(0)
			set.addAlgorithm(b)
			b.AddASN1(asn1.OCTET_STRING, key)
		})
		return b.BytesOrPanic()
	}
	seed, value := priv.attr(ck.CKA_SEED), priv.Value()
	both := info(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1OctetString(seed)
			b.AddASN1OctetString(value)
		})
	})
	if _, err := DecodePrivateKey(both); err != nil {
		t.Error("both:", err)
	}
	for name, key := range map[string]func(*cryptobyte.Builder){
		"expanded":  func(b *cryptobyte.Builder) { b.AddASN1OctetString(value) },
		"bare seed": func(b *cryptobyte.Builder) { b.AddBytes(seed) },
		"short seed": func(b *cryptobyte.Builder) {
			b.AddASN1(tagMLKEMSeed, func(b *cryptobyte.Builder) { b.AddBytes(seed[1:]) })
		},
		"nothing":     func(*cryptobyte.Builder) {},
		"with a tail": func(b *cryptobyte.Builder) { set := mlkemPrivateKey{seed: seed}; set.addPrivateKey(b); b.AddASN1NULL() },
	} {
		if _, err := DecodePrivateKey(info(key)); ck.Code(err) != ck.CKR_WRAPPED_KEY_INVALID {
			t.Errorf("%s: %v", name, err)
		}
	}
}
