package service

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// only keeps the attributes of the given types.
func only(tmpl ck.Template, types ...ck.AttributeType) ck.Template {
	var out ck.Template
	for _, t := range types {
		if a, ok := tmpl.Find(t); ok {
			out = append(out, a)
		}
	}
	return out
}

// replaced returns tmpl with another value for one attribute.
func replaced(tmpl ck.Template, t ck.AttributeType, value []byte) ck.Template {
	out := ck.Template{ck.Bytes(t, value)}
	for _, a := range tmpl {
		if a.Type != t {
			out = append(out, a)
		}
	}
	return out
}

func sameTemplate(a, b ck.Template) bool {
	for _, x := range a {
		if y, ok := b.Find(x.Type); !ok || !bytes.Equal(x.Value, y.Value) {
			return false
		}
	}
	return len(a) == len(b)
}

// rsaTemplate is the private key of rsaPair.
func rsaTemplate(t *testing.T) ck.Template {
	_, priv := rsaPair()
	k, err := parsedAs[*rsaPrivateKey](priv)
	if err != nil {
		t.Fatal(err)
	}
	return k.attributes()
}

// TestCompleteRSAPrivate leaves out what can be computed; the key must come out
// whole.
func TestCompleteRSAPrivate(t *testing.T) {
	whole := rsaTemplate(t)
	small := []ck.AttributeType{ck.CKA_MODULUS, ck.CKA_PRIVATE_EXPONENT}
	for name, tmpl := range map[string]ck.Template{
		"whole":              whole,
		"without CRT":        only(whole, append(small, ck.CKA_PUBLIC_EXPONENT, ck.CKA_PRIME_1, ck.CKA_PRIME_2)...),
		"without one of CRT": only(whole, append(small, ck.CKA_PUBLIC_EXPONENT, ck.CKA_PRIME_1, ck.CKA_PRIME_2, ck.CKA_EXPONENT_1, ck.CKA_COEFFICIENT)...),
		"without e":          only(whole, append(small, ck.CKA_PRIME_1, ck.CKA_PRIME_2)...),
		"zeros in front":     replaced(whole, ck.CKA_MODULUS, append([]byte{0}, sourceOf(whole)(ck.CKA_MODULUS)...)),
		"empty CRT values":   replaced(whole, ck.CKA_EXPONENT_1, nil),
	} {
		made, err := Complete(ck.CKO_PRIVATE_KEY, ck.CKK_RSA, tmpl)
		if err != nil || !sameTemplate(made, whole) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The primes of bare exponents may come out in the other order.
	for _, types := range [][]ck.AttributeType{small, append(small, ck.CKA_PUBLIC_EXPONENT)} {
		made, err := Complete(ck.CKO_PRIVATE_KEY, ck.CKK_RSA, only(whole, types...))
		if err != nil {
			t.Fatal(err)
		}
		pub, _ := rsaPair()
		m := &ck.Mechanism{Type: ck.CKM_SHA256_RSA_PKCS}
		s, err := mechanism(t, m.Type).Sign(newKeyFrom(made), m)
		if err != nil {
			t.Fatal(err)
		}
		sig := make([]byte, 256)
		if _, err := s.OneShot(sig, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := verifyWith(t, pub, m, []byte("x"), sig); err != nil {
			t.Error(err)
		}
	}
}

func TestCompleteRSARefused(t *testing.T) {
	whole := rsaTemplate(t)
	pub, _ := rsaPair()
	public := ck.Template{{Type: ck.CKA_MODULUS, Value: pub.attr(ck.CKA_MODULUS)}, ck.Bytes(ck.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1})}
	bare := only(whole, ck.CKA_MODULUS, ck.CKA_PUBLIC_EXPONENT, ck.CKA_PRIVATE_EXPONENT)
	value := sourceOf(whole)
	plus := func(t ck.AttributeType, n int64) []byte {
		return new(big.Int).Add(new(big.Int).SetBytes(value(t)), big.NewInt(n)).Bytes()
	}
	invalid, incomplete := ck.CKR_ATTRIBUTE_VALUE_INVALID, ck.CKR_TEMPLATE_INCOMPLETE
	for _, c := range []struct {
		name  string
		class ck.ObjectClass
		tmpl  ck.Template
		want  ck.RV
	}{
		{"no modulus", ck.CKO_PUBLIC_KEY, only(public, ck.CKA_PUBLIC_EXPONENT), incomplete},
		{"no exponent", ck.CKO_PUBLIC_KEY, only(public, ck.CKA_MODULUS), incomplete},
		{"even modulus", ck.CKO_PUBLIC_KEY, replaced(public, ck.CKA_MODULUS, plus(ck.CKA_MODULUS, 1)), invalid},
		{"1016 bits", ck.CKO_PUBLIC_KEY, replaced(public, ck.CKA_MODULUS, bytes.Repeat([]byte{255}, 127)), invalid},
		{"8200 bits", ck.CKO_PUBLIC_KEY, replaced(public, ck.CKA_MODULUS, bytes.Repeat([]byte{255}, 1025)), invalid},
		{"exponent 1", ck.CKO_PUBLIC_KEY, replaced(public, ck.CKA_PUBLIC_EXPONENT, []byte{1}), invalid},
		{"even exponent", ck.CKO_PUBLIC_KEY, replaced(public, ck.CKA_PUBLIC_EXPONENT, []byte{4}), invalid},
		{"long exponent", ck.CKO_PUBLIC_KEY, replaced(public, ck.CKA_PUBLIC_EXPONENT, []byte{1, 0, 0, 0, 1}), invalid},
		{"no d", ck.CKO_PRIVATE_KEY, only(whole, ck.CKA_MODULUS, ck.CKA_PRIME_1, ck.CKA_PRIME_2), incomplete},
		{"other n", ck.CKO_PRIVATE_KEY, replaced(whole, ck.CKA_MODULUS, plus(ck.CKA_MODULUS, 2)), invalid},
		{"other e", ck.CKO_PRIVATE_KEY, replaced(whole, ck.CKA_PUBLIC_EXPONENT, []byte{3}), invalid},
		{"other d", ck.CKO_PRIVATE_KEY, replaced(whole, ck.CKA_PRIVATE_EXPONENT, plus(ck.CKA_PRIVATE_EXPONENT, 2)), invalid},
		{"other p", ck.CKO_PRIVATE_KEY, replaced(whole, ck.CKA_PRIME_1, plus(ck.CKA_PRIME_1, 2)), invalid},
		{"p is 1", ck.CKO_PRIVATE_KEY, replaced(whole, ck.CKA_PRIME_1, []byte{1}), invalid},
		{"p is 0", ck.CKO_PRIVATE_KEY, replaced(whole, ck.CKA_PRIME_1, []byte{0}), invalid},
		{"p is 1 and q is n", ck.CKO_PRIVATE_KEY, replaced(replaced(whole, ck.CKA_PRIME_1, []byte{1}), ck.CKA_PRIME_2, value(ck.CKA_MODULUS)), invalid},
		{"p is huge", ck.CKO_PRIVATE_KEY, replaced(whole, ck.CKA_PRIME_1, bytes.Repeat([]byte{255}, 1<<20)), invalid},
		{"CRT values are huge", ck.CKO_PRIVATE_KEY, replaced(whole, ck.CKA_EXPONENT_1, bytes.Repeat([]byte{255}, 1<<20)), invalid},
		{"d is huge", ck.CKO_PRIVATE_KEY, replaced(whole, ck.CKA_PRIVATE_EXPONENT, bytes.Repeat([]byte{255}, 1<<20)), invalid},
		{"p is even", ck.CKO_PRIVATE_KEY, replaced(whole, ck.CKA_PRIME_1, plus(ck.CKA_PRIME_1, 1)), invalid},
		{"other dP", ck.CKO_PRIVATE_KEY, replaced(whole, ck.CKA_EXPONENT_1, plus(ck.CKA_EXPONENT_1, 2)), invalid},
		{"other dQ", ck.CKO_PRIVATE_KEY, replaced(whole, ck.CKA_EXPONENT_2, plus(ck.CKA_EXPONENT_2, 2)), invalid},
		{"other qInv", ck.CKO_PRIVATE_KEY, replaced(whole, ck.CKA_COEFFICIENT, plus(ck.CKA_COEFFICIENT, 1)), invalid},
		{"other qInv alone", ck.CKO_PRIVATE_KEY, append(bare, ck.Bytes(ck.CKA_COEFFICIENT, []byte{7})), invalid},
		{"bare, other d", ck.CKO_PRIVATE_KEY, replaced(bare, ck.CKA_PRIVATE_EXPONENT, plus(ck.CKA_PRIVATE_EXPONENT, 2)), invalid},
		{"bare, d even", ck.CKO_PRIVATE_KEY, replaced(bare, ck.CKA_PRIVATE_EXPONENT, plus(ck.CKA_PRIVATE_EXPONENT, 1)), invalid},
		{"bare, d is 0", ck.CKO_PRIVATE_KEY, replaced(bare, ck.CKA_PRIVATE_EXPONENT, []byte{0}), invalid},
		{"bare, d is huge", ck.CKO_PRIVATE_KEY, replaced(bare, ck.CKA_PRIVATE_EXPONENT, bytes.Repeat([]byte{255}, 257)), invalid},
	} {
		if made, err := Complete(c.class, ck.CKK_RSA, c.tmpl); ck.Code(err) != c.want || made != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestCompositePrimes has a key whose numbers agree but whose second "prime" is
// a product: made of three primes.
func TestCompositePrimes(t *testing.T) {
	k, err := rsa.GenerateMultiPrimeKey(nil, 3, 1024)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := ck.Template{
		ck.Bytes(ck.CKA_MODULUS, k.N.Bytes()),
		ck.Bytes(ck.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
		ck.Bytes(ck.CKA_PRIVATE_EXPONENT, k.D.Bytes()),
	}
	if _, err := Complete(ck.CKO_PRIVATE_KEY, ck.CKK_RSA, tmpl); ck.Code(err) != ck.CKR_ATTRIBUTE_VALUE_INVALID {
		t.Error(err)
	}
	composite := &rsaPrivateKey{PrivateKey: k}
	k.Primes = []*big.Int{k.Primes[0], new(big.Int).Mul(k.Primes[1], k.Primes[2])}
	if err := composite.check(); err == nil {
		t.Error("a product was taken for a prime")
	}
}

func TestCompleteECPrivate(t *testing.T) {
	p521 := named(t, "P-521")
	n := elliptic.P521().Params().N
	minus1 := new(big.Int).Sub(n, big.NewInt(1))
	pub, _ := ecPair(t, ck.CKM_EC_KEY_PAIR_GEN, p521)
	seven := big.NewInt(7).FillBytes(make([]byte, 66))
	for _, c := range []struct {
		name   string
		kt     ck.KeyType
		params ck.Attribute
		value  []byte
		point  []byte
		want   ck.RV
	}{
		{"padded", ck.CKK_EC, p521, seven, nil, ck.CKR_OK},
		{"short", ck.CKK_EC, p521, []byte{7}, nil, ck.CKR_OK},
		{"more zeros", ck.CKK_EC, p521, append(make([]byte, 20), seven...), nil, ck.CKR_OK},
		{"largest", ck.CKK_EC, p521, minus1.Bytes(), nil, ck.CKR_OK},
		{"the order", ck.CKK_EC, p521, n.Bytes(), nil, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"zero", ck.CKK_EC, p521, []byte{0}, nil, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"long", ck.CKK_EC, p521, bytes.Repeat([]byte{1}, 67), nil, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"none", ck.CKK_EC, p521, nil, nil, ck.CKR_TEMPLATE_INCOMPLETE},
		{"no curve", ck.CKK_EC, ck.Bytes(ck.CKA_EC_PARAMS, nil), seven, nil, ck.CKR_TEMPLATE_INCOMPLETE},
		{"another's point", ck.CKK_EC, p521, seven, pub.attr(ck.CKA_EC_POINT), ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"no point", ck.CKK_EC, p521, seven, []byte{1, 2, 3}, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"Ed25519", ck.CKK_EC_EDWARDS, named(t, "Ed25519"), seven[:32], nil, ck.CKR_OK},
		{"Ed25519, 33 bytes", ck.CKK_EC_EDWARDS, named(t, "Ed25519"), seven[:33], nil, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"X25519, 31 bytes", ck.CKK_EC_MONTGOMERY, named(t, "X25519"), seven[:31], nil, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"Ed25519 as EC", ck.CKK_EC, named(t, "Ed25519"), seven[:32], nil, ck.CKR_CURVE_NOT_SUPPORTED},
		{"P-521 as Montgomery", ck.CKK_EC_MONTGOMERY, p521, seven, nil, ck.CKR_CURVE_NOT_SUPPORTED},
		{"no such type", ck.CKK_DSA, p521, seven, nil, ck.CKR_ATTRIBUTE_VALUE_INVALID},
	} {
		tmpl := ck.Template{c.params, ck.Bytes(ck.CKA_VALUE, c.value), ck.Bytes(ck.CKA_EC_POINT, c.point)}
		made, err := Complete(ck.CKO_PRIVATE_KEY, c.kt, tmpl)
		if ck.Code(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
		want := 66
		if c.kt != ck.CKK_EC {
			want = 32
		}
		if v := sourceOf(made)(ck.CKA_VALUE); err == nil && len(v) != want {
			t.Errorf("%s: CKA_VALUE of %d bytes", c.name, len(v))
		}
	}
}

// TestPublicKeyInfo has crypto/x509 read CKA_PUBLIC_KEY_INFO of both halves.
func TestPublicKeyInfo(t *testing.T) {
	check := func(name string, pub, priv *Key, equal func(any) bool) {
		info := pub.attr(ck.CKA_PUBLIC_KEY_INFO)
		parsed, err := x509.ParsePKIXPublicKey(info)
		if err != nil || !equal(parsed) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(info, priv.attr(ck.CKA_PUBLIC_KEY_INFO)) {
			t.Errorf("%s: the halves differ", name)
		}
	}
	pub, priv := rsaPair()
	check("RSA", pub, priv, func(k any) bool { return k.(*rsa.PublicKey).N.Cmp(number(pub.attr, ck.CKA_MODULUS)) == 0 })
	for _, c := range curves {
		pub, priv := ecPair(t, ck.CKM_EC_KEY_PAIR_GEN, named(t, c.names[0]))
		point := c.bare(pub.attr(ck.CKA_EC_POINT))
		check(c.names[0], pub, priv, func(k any) bool {
			switch k := k.(type) {
			case *ecdsa.PublicKey:
				got, err := k.Bytes()
				return err == nil && bytes.Equal(got, point)
			case ed25519.PublicKey:
				return bytes.Equal(k, point)
			case interface{ Bytes() []byte }: // ecdh.PublicKey
				return bytes.Equal(k.Bytes(), point)
			}
			return false
		})
	}
}

// TestCompleteSecret: the check value of the AES key is the first block of the
// GCM specification's test case 1 (H); that of "abc" is from FIPS 180.
func TestCompleteSecret(t *testing.T) {
	for _, c := range []struct {
		name  string
		kt    ck.KeyType
		value []byte
		kcv   []byte
		want  ck.RV
	}{
		{"AES-128", ck.CKK_AES, make([]byte, 16), unhex("66e94b"), ck.CKR_OK},
		{"generic", ck.CKK_GENERIC_SECRET, []byte("abc"), unhex("a9993e"), ck.CKR_OK},
		{"HMAC", ck.CKK_SHA256_HMAC, []byte("abc"), unhex("a9993e"), ck.CKR_OK},
		{"AES-136", ck.CKK_AES, make([]byte, 17), nil, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"no value", ck.CKK_AES, nil, nil, ck.CKR_TEMPLATE_INCOMPLETE},
	} {
		made, err := Complete(ck.CKO_SECRET_KEY, c.kt, ck.Template{ck.Bytes(ck.CKA_VALUE, c.value)})
		if ck.Code(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil {
			continue
		}
		n, _ := made.Ulong(ck.CKA_VALUE_LEN)
		if got := sourceOf(made); !bytes.Equal(got(ck.CKA_CHECK_VALUE), c.kcv) || int(n) != len(c.value) || !bytes.Equal(got(ck.CKA_VALUE), c.value) {
			t.Errorf("%s: %d bytes, check value %x", c.name, n, got(ck.CKA_CHECK_VALUE))
		}
	}
	if made, err := Complete(ck.CKO_DATA, 0, nil); made != nil || err != nil {
		t.Error("data:", err)
	}
}
