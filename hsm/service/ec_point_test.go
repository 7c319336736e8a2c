package service

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	encodingasn1 "encoding/asn1"
	"math/big"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

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
