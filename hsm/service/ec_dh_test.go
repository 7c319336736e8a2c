package service

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// deriveVector imports the private key and derives, giving the peer's point as it is.
func deriveVector(t *testing.T, c *vectorCase, kt ck.KeyType, params ck.Attribute) error {
	k := completed(t, ck.CKO_PRIVATE_KEY, kt, params, ck.Bytes(ck.CKA_VALUE, unhex(c.Private)))
	m := &ck.Mechanism{Type: ck.CKM_ECDH1_DERIVE, Param: &ck.ECDH1Params{KDF: ck.CKD_NULL, PublicData: unhex(c.Public)}}
	z, err := mechanism(t, m.Type).Derive(k, m, 0)
	switch {
	case err != nil && err != ck.CKR_MECHANISM_PARAM_INVALID:
		t.Errorf("case %d: %v", c.TcID, err)
	case err == nil && !bytes.Equal(z.Expose(), unhex(c.Shared)):
		t.Errorf("case %d: another secret", c.TcID)
	}
	z.Zero()
	return err
}

func TestECDHVectors(t *testing.T) {
	forEachVector(t, "ecdh_secp*r1_ecpoint_test.json", nil, func(t *testing.T, g *vectorGroup, c *vectorCase) {
		if !slow(g.Curve, c) {
			c.judge(t, deriveVector(t, c, ck.CKK_EC, named(t, g.Curve)))
		}
	})
}

// TestX25519Vectors: secrets of zero are "acceptable" there, and refused here.
func TestX25519Vectors(t *testing.T) {
	forEachVector(t, "x25519_test.json", nil, func(t *testing.T, g *vectorGroup, c *vectorCase) {
		err := deriveVector(t, c, ck.CKK_EC_MONTGOMERY, named(t, g.Curve))
		c.judge(t, err)
		if slices.Contains(c.Flags, "ZeroSharedSecret") && err == nil {
			t.Errorf("case %d: a secret of zero", c.TcID)
		}
	})
}

// TestECDH has two parties agree, with every curve and function.
func TestECDH(t *testing.T) {
	kdfs := []ck.KDF{ck.CKD_NULL}
	for i := range hashes {
		if hashes[i].kdf != 0 {
			kdfs = append(kdfs, hashes[i].kdf)
		}
	}
	for f := range sp800KDFs {
		kdfs = append(kdfs, f)
	}
	for _, c := range curves {
		if c.kt == ck.CKK_EC_EDWARDS {
			continue
		}
		pubA, privA := ecPair(t, ck.CKM_EC_KEY_PAIR_GEN, named(t, c.names[0]))
		pubB, privB := ecPair(t, ck.CKM_EC_KEY_PAIR_GEN, named(t, c.names[0]))
		seen := map[string]ck.KDF{}
		for _, f := range kdfs {
			a := derive(t, privA, pubB.attr(ck.CKA_EC_POINT), f)
			b := derive(t, privB, c.bare(pubA.attr(ck.CKA_EC_POINT)), f)
			if !bytes.Equal(a, b) || len(a) != 28 {
				t.Errorf("%s, %v: no agreement", c.names[0], f)
			}
			if other, twice := seen[string(a)]; twice {
				t.Errorf("%s: %v and %v are the same", c.names[0], f, other)
			}
			seen[string(a)] = f
		}
	}
}

func derive(t *testing.T, k *Key, peer []byte, f ck.KDF) []byte {
	t.Helper()
	z, err := deriveECDH(k, &ck.Mechanism{Type: ck.CKM_ECDH1_DERIVE, Param: &ck.ECDH1Params{KDF: f, PublicData: peer}}, 28)
	if err != nil {
		t.Fatal(f, err)
	}
	defer z.Zero()
	return bytes.Clone(z.Expose())
}

func TestECDHLengths(t *testing.T) {
	pub, priv := ecPair(t, ck.CKM_EC_KEY_PAIR_GEN, named(t, "P-256"))
	run := func(f ck.KDF, shared string, n int) ([]byte, error) {
		z, err := deriveECDH(priv, &ck.Mechanism{Param: &ck.ECDH1Params{KDF: f, SharedData: []byte(shared), PublicData: pub.attr(ck.CKA_EC_POINT)}}, n)
		defer z.Zero()
		return bytes.Clone(z.Expose()), err
	}
	whole, err := run(ck.CKD_NULL, "", 0)
	if err != nil || len(whole) != 32 {
		t.Fatal(err)
	}
	if got, err := run(ck.CKD_NULL, "", 16); err != nil || !bytes.Equal(got, whole[16:]) {
		t.Errorf("16 bytes: not the last ones, %v", err)
	}
	for _, c := range []struct {
		kdf    ck.KDF
		shared string
		n      int
		want   ck.RV
	}{
		{ck.CKD_NULL, "", 33, ck.CKR_KEY_SIZE_RANGE},
		{ck.CKD_NULL, "info", 16, ck.CKR_MECHANISM_PARAM_INVALID},
		{ck.CKD_SHA256_KDF, "info", 0, ck.CKR_TEMPLATE_INCOMPLETE},
		{ck.CKD_SHA256_KDF, "info", maxDerived + 1, ck.CKR_KEY_SIZE_RANGE},
		{ck.CKD_SHA256_KDF, "info", 1000, ck.CKR_OK},
		{ck.CKD_CPDIVERSIFY_KDF, "", 16, ck.CKR_MECHANISM_PARAM_INVALID},
		{0, "", 16, ck.CKR_MECHANISM_PARAM_INVALID},
	} {
		got, err := run(c.kdf, c.shared, c.n)
		if ck.Code(err) != c.want || err == nil && len(got) != c.n {
			t.Errorf("%v, %d bytes: %v", c.kdf, c.n, err)
		}
	}
}

// TestKDF has a known answer of the NIST CAVP file for ANSI X9.63 with SHA-256
// (shared secret of 192 bits, no shared info, 128 bits of key, case 0), and both
// forms written out.
func TestKDF(t *testing.T) {
	z := unhex("96c05619d56c328ab95fe84b18264b08725b85e33fd34f08")
	x963 := &kdf{hash: sha256.New}
	if got, err := x963.derive(z, nil, 16); err != nil || !bytes.Equal(got.Expose(), unhex("443024c3dae66b95e6f5670601558f71")) {
		t.Errorf("X9.63: %x, %v", got.Expose(), err)
	}
	for _, f := range []*kdf{x963, {hash: sha256.New, counterFirst: true}} {
		var want []byte
		for i := byte(1); i <= 3; i++ {
			in := fmt.Appendf(nil, "%s\x00\x00\x00%cinfo", z, i)
			if f.counterFirst {
				in = fmt.Appendf(nil, "\x00\x00\x00%c%sinfo", i, z)
			}
			sum := sha256.Sum256(in)
			want = append(want, sum[:]...)
		}
		if got, err := f.derive(z, []byte("info"), 70); err != nil || !bytes.Equal(got.Expose(), want[:70]) {
			t.Errorf("counter first %v: %x, %v", f.counterFirst, got.Expose(), err)
		}
	}
}
