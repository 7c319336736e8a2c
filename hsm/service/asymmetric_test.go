package service

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// asymmetricCase is a mechanism with a parameter and a key pair that fit it.
type asymmetricCase struct {
	*Mechanism
	m         *ck.Mechanism
	pub, priv *Key
	data      []byte // that it takes
}

// asymmetricCases has every registered mechanism of key pairs that op finds.
func asymmetricCases(t *testing.T, op func(*Mechanism) bool) []asymmetricCase {
	var list []asymmetricCase
	pairs := map[ck.KeyType][2]*Key{}
	rsaPub, rsaPriv := rsaPair()
	pairs[ck.CKK_RSA] = [2]*Key{rsaPub, rsaPriv}
	for kt, name := range map[ck.KeyType]string{ck.CKK_EC: "P-384", ck.CKK_EC_EDWARDS: "Ed25519"} {
		pub, priv := ecPair(t, ck.CKM_EC_KEY_PAIR_GEN, named(t, name))
		pairs[kt] = [2]*Key{pub, priv}
	}
	for _, info := range All() {
		reg := mechanism(t, info.Type)
		if len(reg.KeyTypes) == 0 || !op(reg) {
			continue
		}
		if pair, ok := pairs[reg.KeyTypes[0]]; ok {
			c := asymmetricCase{reg, &ck.Mechanism{Type: info.Type}, pair[0], pair[1], []byte("thirty-two bytes for a SHA-256..")}
			c.m.Param = asymmetricParam(reg)
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		t.Fatal("no mechanisms")
	}
	return list
}

func asymmetricParam(reg *Mechanism) any {
	oaep := ck.RSAOAEPParams{Hash: ck.CKM_SHA256, MGF: ck.CKG_MGF1_SHA1, Source: ck.CKZ_DATA_SPECIFIED, Label: []byte("label")}
	switch reg.Param {
	case ck.ParamRSAPSS:
		p := &ck.RSAPSSParams{Hash: ck.CKM_SHA256, MGF: ck.CKG_MGF1_SHA256, SaltLen: 32}
		for i := range hashes {
			if hashes[i].rsaPSS == reg.Type {
				p.Hash = hashes[i].digest
			}
		}
		return p
	case ck.ParamRSAOAEP:
		return &oaep
	case ck.ParamRSAAESWrap:
		return &ck.RSAAESWrapParams{AESBits: 256, OAEP: oaep}
	}
	return nil
}

func (c *asymmetricCase) signer(t *testing.T) api.Signer {
	t.Helper()
	s, err := c.Sign(c.priv, c.m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (c *asymmetricCase) verifier(t *testing.T) api.Verifier {
	t.Helper()
	v, err := c.Verify(c.pub, c.m)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSignatureContract has every mechanism sign and verify: at once and in
// parts, with a question for the size and a short buffer first.
func TestSignatureContract(t *testing.T) {
	for _, c := range asymmetricCases(t, func(m *Mechanism) bool { return m.Sign != nil }) {
		t.Run(c.Type.String(), func(t *testing.T) {
			whole := c.signer(t)
			size, err := whole.OneShot(nil, c.data)
			if err != nil || size == 0 {
				t.Fatal("size:", size, err)
			}
			if n, err := whole.OneShot(make([]byte, size-1), c.data); n != size || err != ck.CKR_BUFFER_TOO_SMALL {
				t.Error("short buffer:", n, err)
			}
			sig := make([]byte, size+5)
			if n, err := whole.OneShot(sig, c.data); n != size || err != nil {
				t.Fatal("sign:", n, err)
			}
			whole.Close()
			checkSignature(t, &c, sig[:size])

			parts := c.signer(t)
			if err := updateAll(parts.Update, c.data); err != nil {
				t.Fatal("update:", err)
			}
			if n, err := parts.Final([]byte{}); n != size || err != ck.CKR_BUFFER_TOO_SMALL {
				t.Error("final, no buffer:", n, err)
			}
			if n, err := parts.Final(sig[:size]); n != size || err != nil {
				t.Fatal("final:", n, err)
			}
			parts.Close()
			checkSignature(t, &c, sig[:size])
		})
	}
}

// updateAll gives data in three parts, one of them empty.
func updateAll(update func([]byte) error, data []byte) error {
	for _, part := range [][]byte{data[:5], nil, data[5:]} {
		if err := update(part); err != nil {
			return err
		}
	}
	return nil
}

func checkSignature(t *testing.T, c *asymmetricCase, sig []byte) {
	t.Helper()
	if err := c.verifier(t).OneShot(c.data, sig); err != nil {
		t.Error("verify:", err)
	}
	v := c.verifier(t)
	if err := updateAll(v.Update, c.data); err != nil {
		t.Error("verify, update:", err)
	}
	if err := v.Final(sig); err != nil {
		t.Error("verify, final:", err)
	}
	v.Close()
	wrong := bytes.Clone(sig)
	wrong[len(wrong)/2] ^= 1
	if err := c.verifier(t).OneShot(c.data, wrong); err != ck.CKR_SIGNATURE_INVALID {
		t.Error("wrong signature:", err)
	}
	other := append(bytes.Clone(c.data[1:]), c.data[0])
	if err := c.verifier(t).OneShot(other, sig); err != ck.CKR_SIGNATURE_INVALID {
		t.Error("other data:", err)
	}
	for _, bad := range [][]byte{nil, sig[1:], append(bytes.Clone(sig), 0)} {
		if err := c.verifier(t).OneShot(c.data, bad); err != ck.CKR_SIGNATURE_LEN_RANGE {
			t.Errorf("signature of %d bytes: %v", len(bad), err)
		}
	}
}

// TestWrongHalf hands each mechanism the half of the pair that it is not for,
// and a key of another type.
func TestWrongHalf(t *testing.T) {
	for _, c := range asymmetricCases(t, func(m *Mechanism) bool { return m.Sign != nil }) {
		if _, err := c.Sign(c.pub, c.m); ck.Code(err) != ck.CKR_KEY_TYPE_INCONSISTENT {
			t.Errorf("%v: sign with a public key: %v", c.Type, err)
		}
		if _, err := c.Verify(c.priv, c.m); ck.Code(err) != ck.CKR_KEY_TYPE_INCONSISTENT {
			t.Errorf("%v: verify with a private key: %v", c.Type, err)
		}
	}
}

// limits are the longest data that mechanisms take, for a key of 2048 bits and
// on P-384.
var limits = map[ck.MechanismType]int{
	ck.CKM_RSA_PKCS:      256 - 11,
	ck.CKM_RSA_X_509:     256,
	ck.CKM_RSA_PKCS_PSS:  32,
	ck.CKM_ECDSA:         64,
	ck.CKM_RSA_PKCS_OAEP: 256 - 2*32 - 2,
}

// TestDataLimits finds that data past the limit is refused, at once or as soon as
// the part comes that is too much.
func TestDataLimits(t *testing.T) {
	for _, c := range asymmetricCases(t, func(m *Mechanism) bool { return m.Sign != nil }) {
		limit, ok := limits[c.Type]
		if !ok {
			continue
		}
		data := make([]byte, limit+1)
		sig := make([]byte, 256)
		if _, err := c.signer(t).OneShot(sig, data); err != ck.CKR_DATA_LEN_RANGE {
			t.Errorf("%v: one byte too much: %v", c.Type, err)
		}
		if _, err := c.signer(t).OneShot(sig, data[1:]); err != nil {
			t.Errorf("%v: the longest: %v", c.Type, err)
		}
		if err := c.verifier(t).OneShot(data, sig); err != ck.CKR_DATA_LEN_RANGE {
			t.Errorf("%v: verify, one byte too much: %v", c.Type, err)
		}
		s := c.signer(t)
		if err := s.Update(data[1:]); err != nil {
			t.Errorf("%v: the longest part: %v", c.Type, err)
		}
		if err := s.Update(data[:1]); err != ck.CKR_DATA_LEN_RANGE {
			t.Errorf("%v: another byte: %v", c.Type, err)
		}
	}
}

// TestPartsLimit is for EdDSA, which has no limit of its own.
func TestPartsLimit(t *testing.T) {
	in := &wholeIntake{}
	if err := in.Update(make([]byte, maxParts)); err != nil {
		t.Error(err)
	}
	if err := in.Update(make([]byte, 1)); err != ck.CKR_DATA_LEN_RANGE {
		t.Error(err)
	}
	if data, err := (&wholeIntake{}).sum(make([]byte, maxParts+1)); err != nil || len(data) != maxParts+1 {
		t.Error("at once:", err)
	}
}

// TestCipherContract has every mechanism encrypt and decrypt, with questions and
// short buffers on the way.
func TestCipherContract(t *testing.T) {
	for _, c := range asymmetricCases(t, func(m *Mechanism) bool { return m.Encrypt != nil }) {
		t.Run(c.Type.String(), func(t *testing.T) { checkTransform(t, c.Encrypt, c.Decrypt, c.pub, c.priv, c.m, c.data) })
	}
	for _, c := range asymmetricCases(t, func(m *Mechanism) bool { return m.SignRecover != nil }) {
		t.Run(c.Type.String()+" recover", func(t *testing.T) {
			checkTransform(t, c.SignRecover, c.VerifyRecover, c.priv, c.pub, c.m, c.data)
		})
	}
}

type cipherOf func(*Key, *ck.Mechanism) (api.Cipher, error)

func checkTransform(t *testing.T, there, back cipherOf, out, in *Key, m *ck.Mechanism, data []byte) {
	e, err := there(out, m)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if n, err := e.OneShot(nil, data); n != 256 || err != nil {
		t.Error("size:", n, err)
	}
	if n, err := e.OneShot(make([]byte, 255), data); n != 256 || err != ck.CKR_BUFFER_TOO_SMALL {
		t.Error("short buffer:", n, err)
	}
	ct := make([]byte, 256)
	if n, err := e.OneShot(ct, data); n != 256 || err != nil {
		t.Fatal(n, err)
	}
	d, err := back(in, m)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	size, err := d.OneShot(nil, ct)
	if err != nil || size < len(data) {
		t.Error("size:", size, err)
	}
	want := data
	if m.Type == ck.CKM_RSA_X_509 {
		want = append(make([]byte, 256-len(data)), data...)
	}
	if n, err := d.OneShot(make([]byte, len(want)-1), ct); n != len(want) || err != ck.CKR_BUFFER_TOO_SMALL {
		t.Error("short buffer:", n, err)
	}
	got := make([]byte, len(want))
	if n, err := d.OneShot(got, ct); n != len(want) || err != nil || !bytes.Equal(got, want) {
		t.Error(n, err)
	}
	if _, err := d.Update(got, ct); err != ck.CKR_OPERATION_NOT_INITIALIZED {
		t.Error("update:", err)
	}
	if _, err := d.Final(got); err != ck.CKR_OPERATION_NOT_INITIALIZED {
		t.Error("final:", err)
	}
	checkTransformLengths(t, e, d, m)
}

func checkTransformLengths(t *testing.T, e, d api.Cipher, m *ck.Mechanism) {
	t.Helper()
	buf := make([]byte, 256)
	if _, err := e.OneShot(buf, make([]byte, limits[m.Type]+1)); err != ck.CKR_DATA_LEN_RANGE {
		t.Error("too much data:", err)
	}
	if _, err := e.OneShot(buf, make([]byte, limits[m.Type])); err != nil {
		t.Error("the longest data:", err)
	}
	for _, n := range []int{0, 255, 257} {
		_, err := d.OneShot(buf, make([]byte, n))
		if err != ck.CKR_ENCRYPTED_DATA_LEN_RANGE && err != ck.CKR_SIGNATURE_LEN_RANGE {
			t.Errorf("%d bytes of input: %v", n, err)
		}
	}
}

// TestTransformerOnce counts the computations: a short buffer costs none, other
// input costs another.
func TestTransformerOnce(t *testing.T) {
	count := 0
	tr := &transformer{size: 9, check: atMost(9), do: func(src []byte) ([]byte, error) {
		count++
		return bytes.ToUpper(src), nil
	}}
	for _, c := range []struct {
		room  int
		src   string
		want  error
		count int
	}{
		{2, "abc", ck.CKR_BUFFER_TOO_SMALL, 1},
		{0, "abc", ck.CKR_BUFFER_TOO_SMALL, 1},
		{3, "abc", nil, 1},
		{3, "abd", nil, 2},
		{9, "", nil, 3},
	} {
		dst := make([]byte, c.room)
		n, err := tr.OneShot(dst, []byte(c.src))
		if err != c.want || count != c.count || n != len(c.src) {
			t.Errorf("%q: %d bytes, %v, %d computations", c.src, n, err, count)
		}
		if err == nil && string(dst[:n]) != string(bytes.ToUpper([]byte(c.src))) {
			t.Errorf("%q: %q", c.src, dst)
		}
	}
	kept := tr.out
	tr.Close()
	if tr.src != nil || tr.out != nil || !bytes.Equal(kept, make([]byte, len(kept))) {
		t.Error("Close leaves something")
	}
	inPlace := []byte("xyz")
	if n, err := tr.OneShot(inPlace, inPlace); n != 3 || err != nil || string(inPlace) != "XYZ" {
		t.Errorf("in place: %q, %v", inPlace, err)
	}
}
