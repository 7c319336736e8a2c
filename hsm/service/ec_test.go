package service

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	encodingasn1 "encoding/asn1"
	"fmt"
	"math/big"
	"slices"
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

// explicit spells a curve out; change may spoil it.
func explicit(t *testing.T, c elliptic.Curve, change func(*ecParameters)) []byte {
	p := c.Params()
	e := ecParameters{Version: 1, Field: ecField{oidPrimeField, p.P}, Order: p.N, Cofactor: 1}
	e.Curve.A = new(big.Int).Sub(p.P, big.NewInt(3)).Bytes()
	e.Curve.B = p.B.Bytes()
	e.Base = elliptic.Marshal(c, p.Gx, p.Gy)
	change(&e)
	der, err := encodingasn1.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

type ecField struct {
	Type encodingasn1.ObjectIdentifier
	P    *big.Int
}

type ecParameters struct {
	Version  int
	Field    ecField
	Curve    struct{ A, B []byte }
	Base     []byte
	Order    *big.Int
	Cofactor int
}

func TestCurves(t *testing.T) {
	oid := func(id ...int) []byte {
		der, err := encodingasn1.Marshal(encodingasn1.ObjectIdentifier(id))
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	p256 := elliptic.P256()
	for _, c := range []struct {
		name   string
		params []byte
		curve  string
		want   ck.RV
	}{
		{"OID", oid(1, 2, 840, 10045, 3, 1, 7), "secp256r1", ck.CKR_OK},
		{"OID of RFC 8410", oid(1, 3, 101, 112), "edwards25519", ck.CKR_OK},
		{"old OID", oid(1, 3, 6, 1, 4, 1, 3029, 1, 5, 1), "curve25519", ck.CKR_OK},
		{"name", named(t, "prime256v1").Value, "secp256r1", ck.CKR_OK},
		{"name in capitals", named(t, "SECP521R1").Value, "secp521r1", ck.CKR_OK},
		{"explicit", explicit(t, elliptic.P384(), func(*ecParameters) {}), "secp384r1", ck.CKR_OK},
		{"compressed base", explicit(t, p256, func(e *ecParameters) {
			e.Base = elliptic.MarshalCompressed(p256, p256.Params().Gx, p256.Params().Gy)
		}), "secp256r1", ck.CKR_OK},
		{"other base", explicit(t, p256, func(e *ecParameters) {
			x, y := p256.Double(p256.Params().Gx, p256.Params().Gy)
			e.Base = elliptic.Marshal(p256, x, y)
		}), "", ck.CKR_CURVE_NOT_SUPPORTED},
		{"other order", explicit(t, p256, func(e *ecParameters) { e.Order = big.NewInt(7) }), "", ck.CKR_CURVE_NOT_SUPPORTED},
		{"other a", explicit(t, p256, func(e *ecParameters) { e.Curve.A = []byte{1} }), "", ck.CKR_CURVE_NOT_SUPPORTED},
		{"other b", explicit(t, p256, func(e *ecParameters) { e.Curve.B = []byte{1} }), "", ck.CKR_CURVE_NOT_SUPPORTED},
		{"other field", explicit(t, p256, func(e *ecParameters) { e.Field.P = p256.Params().N }), "", ck.CKR_CURVE_NOT_SUPPORTED},
		{"cofactor 4", explicit(t, p256, func(e *ecParameters) { e.Cofactor = 4 }), "", ck.CKR_DOMAIN_PARAMS_INVALID},
		{"binary field", explicit(t, p256, func(e *ecParameters) { e.Field.Type = encodingasn1.ObjectIdentifier{1, 2, 840, 10045, 1, 2} }), "", ck.CKR_DOMAIN_PARAMS_INVALID},
		{"unknown OID", oid(1, 3, 132, 0, 10), "", ck.CKR_CURVE_NOT_SUPPORTED},
		{"unknown name", named(t, "secp256k1").Value, "", ck.CKR_CURVE_NOT_SUPPORTED},
		{"implicit", []byte{5, 0}, "", ck.CKR_DOMAIN_PARAMS_INVALID},
		{"more behind", append(oid(1, 3, 101, 112), 0), "", ck.CKR_DOMAIN_PARAMS_INVALID},
		{"garbage", []byte("P-256"), "", ck.CKR_DOMAIN_PARAMS_INVALID},
		{"nothing", nil, "", ck.CKR_TEMPLATE_INCOMPLETE},
	} {
		got, err := parseCurve(c.params)
		if ck.Code(err) != c.want || err == nil && got.names[0] != c.curve {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
}

// TestPointForms gives each curve's points in every form that clients use.
func TestPointForms(t *testing.T) {
	for _, c := range curves {
		t.Run(c.names[0], func(t *testing.T) {
			for range 20 { // bytes that look like DER come by chance
				pub, _ := ecPair(t, ck.CKM_EC_KEY_PAIR_GEN, named(t, c.names[0]))
				want := pub.attr(ck.CKA_EC_POINT)
				raw := c.bare(want)
				bits, _ := encodingasn1.Marshal(encodingasn1.BitString{Bytes: raw, BitLength: 8 * len(raw)})
				forms := map[string][]byte{"OCTET STRING": want, "raw": raw, "BIT STRING": bits}
				if c.nist != nil {
					k, _ := ecdsa.ParseUncompressedPublicKey(c.nist, raw)
					small := elliptic.MarshalCompressed(c.nist, k.X, k.Y)
					forms["compressed"], forms["compressed OCTET STRING"] = small, octetString(small)
				}
				for name, form := range forms {
					made, err := Complete(ck.CKO_PUBLIC_KEY, c.kt, ck.Template{ck.Bytes(ck.CKA_EC_PARAMS, c.params()), ck.Bytes(ck.CKA_EC_POINT, form)})
					if err != nil || !bytes.Equal(sourceOf(made)(ck.CKA_EC_POINT), want) {
						t.Errorf("%s %x: %v", name, form, err)
					}
				}
			}
		})
	}
}

func TestPointsRefused(t *testing.T) {
	p256, _ := parseCurve(named(t, "P-256").Value)
	x25519, _ := parseCurve(named(t, "X25519").Value)
	ed25519, _ := parseCurve(named(t, "Ed25519").Value)
	g := p256.nist.Params()
	base := elliptic.Marshal(p256.nist, g.Gx, g.Gy)
	with := func(i int, b byte) []byte { p := bytes.Clone(base); p[i] = b; return p }
	compressed := elliptic.MarshalCompressed(p256.nist, g.Gx, g.Gy)
	for name, c := range map[string]struct {
		curve *curve
		point []byte
	}{
		"off the curve":    {p256, with(64, base[64]^1)},
		"hybrid":           {p256, with(0, 6)},
		"infinity":         {p256, []byte{0}},
		"zeros":            {p256, append([]byte{4}, make([]byte, 64)...)},
		"no sign":          {p256, append([]byte{4}, compressed[1:]...)},
		"no x":             {p256, append([]byte{2}, bytes.Repeat([]byte{255}, 32)...)},
		"short":            {p256, base[:64]},
		"long":             {p256, append(bytes.Clone(base), 0)},
		"empty":            {p256, nil},
		"DER and more":     {p256, append(octetString(base), 0)},
		"DER in DER":       {p256, octetString(octetString(base))},
		"31 bytes":         {x25519, make([]byte, 31)},
		"33 bytes":         {x25519, make([]byte, 33)},
		"of another kind":  {x25519, base},
		"off edwards25519": {ed25519, append([]byte{2}, make([]byte, 31)...)},
	} {
		if _, err := c.curve.publicKey(c.point); err != errECPoint {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestIsEdwardsPoint holds the first y to the equation of the curve (RFC 8032, section 5.1):
// x^2 = (y^2 - 1) / (d y^2 + 1) has to be a square. The
// standard library takes x = 0 with either sign.
func TestIsEdwardsPoint(t *testing.T) {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	d := new(big.Int).ModInverse(big.NewInt(121666), p)
	d.Mul(d, big.NewInt(-121665))
	points := 0
	for y := range byte(64) {
		square := big.NewInt(int64(y) * int64(y))
		v := new(big.Int).Mul(d, square)
		v.ModInverse(v.Add(v, big.NewInt(1)).Mod(v, p), p)
		x2 := new(big.Int).Mul(square.Sub(square, big.NewInt(1)), v)
		symbol := big.Jacobi(x2.Mod(x2, p), p)
		for _, sign := range []byte{0, 0x80} {
			point := make([]byte, 32)
			point[0], point[31] = y, sign
			want := symbol >= 0
			if got := isEdwardsPoint(point); got != want {
				t.Errorf("y = %d, sign %x: %v, want %v", y, sign, got, want)
			}
			points += symbol
		}
	}
	if points == 0 || points == 128 {
		t.Errorf("of 128 the sum of the symbols is %d", points)
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

// TestECDSAForm has signatures whose numbers are short, long and not there.
func TestECDSAForm(t *testing.T) {
	for der, want := range map[string]string{
		"3006020101020102":     "00000100000002",
		"3008020200ff02020100": "0000ff00000100",
	} {
		got, err := concatenated(unhex(der), 4)
		if err != nil || !bytes.Equal(got[1:], unhex(want)) || got[0] != 0 {
			t.Errorf("%s: %x, %v", der, got, err)
		}
	}
	for _, der := range []string{"", "30", "3003020101", "300a0205010101010102010200"} {
		if _, err := concatenated(unhex(der), 4); err != ck.CKR_FUNCTION_FAILED {
			t.Errorf("%s: %v", der, err)
		}
	}
}
