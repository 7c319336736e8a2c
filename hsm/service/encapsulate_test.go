package service

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// kemCase is a mechanism of encapsulation with a key pair, by RSA or ECDH.
type kemCase struct {
	name      string
	m         *ck.Mechanism
	pub, priv *Key
	size      int // bytes of a ciphertext
	whole     int // bytes of the secret if nobody says, 0 if somebody has to
}

func kemCases(t *testing.T) []kemCase {
	rsaPub, rsaPriv := rsaPair()
	size := len(rsaPub.attr(ck.CKA_MODULUS))
	oaep := &ck.RSAOAEPParams{Hash: ck.CKM_SHA256, MGF: ck.CKG_MGF1_SHA256, Source: ck.CKZ_DATA_SPECIFIED, Label: []byte("label")}
	cases := []kemCase{
		{"OAEP", &ck.Mechanism{Type: ck.CKM_RSA_PKCS_OAEP, Param: oaep}, rsaPub, rsaPriv, size, 0},
		{"PKCS #1", &ck.Mechanism{Type: ck.CKM_RSA_PKCS}, rsaPub, rsaPriv, size, 0},
		{"raw", &ck.Mechanism{Type: ck.CKM_RSA_X_509}, rsaPub, rsaPriv, size, 0},
	}
	for _, c := range curves {
		if c.kt == ck.CKK_EC_EDWARDS {
			continue
		}
		pub, priv := ecPair(t, ck.CKM_EC_KEY_PAIR_GEN, named(t, c.names[0]))
		point := len(c.bare(pub.attr(ck.CKA_EC_POINT)))
		cases = append(cases,
			kemCase{c.names[0], &ck.Mechanism{Type: ck.CKM_ECDH1_DERIVE, Param: &ck.ECDH1Params{KDF: ck.CKD_NULL}}, pub, priv, point, c.size},
			kemCase{c.names[0] + " with a KDF", &ck.Mechanism{Type: ck.CKM_ECDH1_COFACTOR_DERIVE,
				Param: &ck.ECDH1Params{KDF: ck.CKD_SHA256_KDF, SharedData: []byte("shared")}}, pub, priv, point, 0})
	}
	return cases
}

func TestEncapsulate(t *testing.T) {
	for _, c := range kemCases(t) {
		t.Run(c.name, func(t *testing.T) {
			reg, _ := Lookup(c.m.Type)
			n, s, err := reg.Encapsulate(c.pub, c.m, 16, nil)
			if n != c.size || s != nil || err != nil {
				t.Error("question:", n, s, err)
			}
			short := make([]byte, c.size-1)
			n, s, err = reg.Encapsulate(c.pub, c.m, 16, short)
			if n != c.size || s != nil || ck.Code(err) != ck.CKR_BUFFER_TOO_SMALL || !bytes.Equal(short, make([]byte, len(short))) {
				t.Error("one byte short:", n, s, err)
			}
			out, other := make([]byte, c.size), make([]byte, c.size)
			n, s, err = reg.Encapsulate(c.pub, c.m, 16, out)
			if err != nil || n != c.size || s.Len() != 16 {
				t.Fatal(n, err)
			}
			same, err := reg.Decapsulate(c.priv, c.m, 16, out)
			if err != nil || !bytes.Equal(same.Expose(), s.Expose()) {
				t.Error("the two sides differ:", err)
			}
			_, s, err = reg.Encapsulate(c.pub, c.m, 16, other)
			if err != nil || bytes.Equal(out, other) || bytes.Equal(s.Expose(), same.Expose()) {
				t.Error("twice the same:", err)
			}
			_, s, err = reg.Encapsulate(c.pub, c.m, 0, out)
			switch {
			case c.whole == 0 && ck.Code(err) != ck.CKR_TEMPLATE_INCOMPLETE:
				t.Error("without a length:", err)
			case c.whole != 0 && (err != nil || s.Len() != c.whole):
				t.Error("the whole secret:", err)
			}
			for _, wrong := range [][]byte{nil, out[:c.size-1], append(bytes.Clone(out), 0)} {
				if _, err := reg.Decapsulate(c.priv, c.m, 16, wrong); ck.Code(err) != ck.CKR_WRAPPED_KEY_LEN_RANGE {
					t.Errorf("%d bytes: %v", len(wrong), err)
				}
			}
		})
	}
}

// TestEncapsulateRefuses: lengths, parameters and ciphertexts that cannot be.
func TestEncapsulateRefuses(t *testing.T) {
	for _, c := range kemCases(t) {
		t.Run(c.name, func(t *testing.T) {
			reg, _ := Lookup(c.m.Type)
			out := make([]byte, c.size)
			if c.whole != 0 || c.m.Param == nil || c.m.Type == ck.CKM_RSA_PKCS_OAEP {
				if _, _, err := reg.Encapsulate(c.pub, c.m, 256, out); ck.Code(err) != ck.CKR_KEY_SIZE_RANGE {
					t.Error("more than there is room for:", err)
				}
			}
			bad := bytes.Repeat([]byte{0xff}, c.size)
			_, err := reg.Decapsulate(c.priv, c.m, 16, bad)
			if kt, _ := ck.ParseUlong(c.pub.attr(ck.CKA_KEY_TYPE)); ck.KeyType(kt) != ck.CKK_EC_MONTGOMERY && ck.Code(err) != ck.CKR_WRAPPED_KEY_INVALID {
				t.Error("no ciphertext:", err)
			}
			if p, ok := c.m.Param.(*ck.ECDH1Params); ok {
				with := *p
				with.PublicData = c.pub.attr(ck.CKA_EC_POINT)
				m := &ck.Mechanism{Type: c.m.Type, Param: &with}
				if _, _, err := reg.Encapsulate(c.pub, m, 16, out); ck.Code(err) != ck.CKR_MECHANISM_PARAM_INVALID {
					t.Error("with public data:", err)
				}
				if _, err := reg.Decapsulate(c.priv, m, 16, out); ck.Code(err) != ck.CKR_MECHANISM_PARAM_INVALID {
					t.Error("with public data:", err)
				}
				return
			}
			// Another length than the secret's looks as no secret does.
			if _, _, err := reg.Encapsulate(c.pub, c.m, 16, out); err != nil {
				t.Fatal(err)
			}
			if _, err := reg.Decapsulate(c.priv, c.m, 15, out); ck.Code(err) != ck.CKR_WRAPPED_KEY_INVALID {
				t.Error("another length:", err)
			}
		})
	}
	zeros := newKeyFrom(ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_PUBLIC_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_EC_MONTGOMERY),
		named(t, "X25519"), ck.Bytes(ck.CKA_EC_POINT, make([]byte, 32))})
	_, _, err := encapsulateECDH(zeros, &ck.Mechanism{Param: &ck.ECDH1Params{KDF: ck.CKD_NULL}}, 0, make([]byte, 32))
	if ck.Code(err) != ck.CKR_KEY_TYPE_INCONSISTENT {
		t.Error("a public key without secrets:", err)
	}
}

// TestEncapsulateIsDerive: the other side of ECDH needs no more than C_DeriveKey with the
// ciphertext as the public key, and that of RSA no more than C_UnwrapKey.
func TestEncapsulateIsDerive(t *testing.T) {
	for _, c := range kemCases(t) {
		reg, _ := Lookup(c.m.Type)
		out := make([]byte, c.size)
		_, s, err := reg.Encapsulate(c.pub, c.m, 24, out)
		if err != nil {
			t.Fatal(err)
		}
		if reg.Derive != nil {
			p := *c.m.Param.(*ck.ECDH1Params)
			p.PublicData = out
			same, err := reg.Derive(c.priv, &ck.Mechanism{Type: c.m.Type, Param: &p}, 24)
			if err != nil || !bytes.Equal(same.Expose(), s.Expose()) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		same, err := reg.Unwrap(c.priv, c.m, out)
		if err != nil || !bytes.HasSuffix(same.Expose(), s.Expose()) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
