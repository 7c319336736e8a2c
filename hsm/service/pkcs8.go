package service

import (
	encodingasn1 "encoding/asn1"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// The context-specific tags of ECPrivateKey (RFC 5915, section 3).
var (
	tagECParameters = asn1.Tag(0).ContextSpecific().Constructed()
	tagECPublicKey  = asn1.Tag(1).ContextSpecific().Constructed()
)

// pkcs8Room is more than a PrivateKeyInfo of the longest RSA key takes, so that
// the encoder never leaves a copy behind by growing.
const pkcs8Room = 8 << 10

// pkcs8Key is a private key that knows its PrivateKeyInfo.
type pkcs8Key interface {
	addAlgorithm(*cryptobyte.Builder)
	addPrivateKey(*cryptobyte.Builder)
}

// EncodePrivateKey returns the PrivateKeyInfo of a private key (PKCS #8, RFC
// 5208) in DER: what is wrapped of one (PKCS #11, section on wrapping and
// unwrapping private keys). The caller wipes it.
func EncodePrivateKey(k *Key) (*secret.Bytes, error) {
	key, err := parsedAs[pkcs8Key](k)
	if err != nil {
		return nil, ck.CKR_KEY_NOT_WRAPPABLE
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, pkcs8Room))
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		key.addAlgorithm(b)
		b.AddASN1(asn1.OCTET_STRING, key.addPrivateKey)
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, ck.CKR_KEY_NOT_WRAPPABLE
	}
	return secret.From(der), nil
}

func (k *rsaPrivateKey) addAlgorithm(b *cryptobyte.Builder) { addRSAAlgorithm(b) }

// addPrivateKey appends an RSAPrivateKey (RFC 8017, appendix A.1.2).
func (k *rsaPrivateKey) addPrivateKey(b *cryptobyte.Builder) {
	c := &k.Precomputed
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		for _, x := range []*big.Int{k.N, big.NewInt(int64(k.E)), k.D, k.Primes[0], k.Primes[1], c.Dp, c.Dq, c.Qinv} {
			addNumber(b, x)
		}
	})
}

// addNumber appends a positive INTEGER, leaving no copy of it in memory.
func addNumber(b *cryptobyte.Builder, x *big.Int) {
	buf := x.FillBytes(make([]byte, x.BitLen()/8+1))
	defer clear(buf)
	b.AddASN1(asn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(buf) })
}

func (k *ecPrivateKey) addAlgorithm(b *cryptobyte.Builder) { k.curve.addAlgorithm(b) }

// addPrivateKey appends an ECPrivateKey (RFC 5915, section 3; the curve stands
// in the algorithm) or a CurvePrivateKey (RFC 8410, section 7).
func (k *ecPrivateKey) addPrivateKey(b *cryptobyte.Builder) {
	if k.curve.kt != ck.CKK_EC {
		b.AddASN1OctetString(k.value)
		return
	}
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1OctetString(k.value)
		b.AddASN1(tagECPublicKey, func(b *cryptobyte.Builder) { b.AddASN1BitString(k.point) })
	})
}

// DecodePrivateKey reads a PrivateKeyInfo, or a OneAsymmetricKey (RFC 5958), and
// returns the attributes of the key as Complete does: nothing is left to check.
// Whatever is wrong is CKR_WRAPPED_KEY_INVALID. Zeros may follow: CKM_AES_CBC fills
// the last block with them. The caller wipes der, and the template with
// object.WipeTemplate.
func DecodePrivateKey(der []byte) (ck.Template, error) {
	s := cryptobyte.String(der)
	var info, algorithm, key cryptobyte.String
	var version int
	var oid encodingasn1.ObjectIdentifier
	if !s.ReadASN1(&info, asn1.SEQUENCE) || !isFill(s) ||
		!info.ReadASN1Integer(&version) || version < 0 || version > 1 ||
		!info.ReadASN1(&algorithm, asn1.SEQUENCE) ||
		!algorithm.ReadASN1ObjectIdentifier(&oid) ||
		!info.ReadASN1(&key, asn1.OCTET_STRING) {
		return nil, errPKCS8
	}
	kt, tmpl, ok := decodeKey(oid, algorithm, key)
	if !ok {
		return nil, errPKCS8
	}
	made, err := Complete(ck.CKO_PRIVATE_KEY, kt, tmpl)
	if err != nil {
		object.WipeTemplate(made)
		return nil, ck.Errorf(ck.CKR_WRAPPED_KEY_INVALID, "unusable private key: %w", err)
	}
	return made, nil
}

var errPKCS8 = ck.Errorf(ck.CKR_WRAPPED_KEY_INVALID, "not a PKCS #8 private key of a known type")

// isFill reports whether s is what may fill a block of AES.
func isFill(s cryptobyte.String) bool {
	for _, b := range s {
		if b != 0 {
			return false
		}
	}
	return len(s) < 16
}

// decodeKey reads the key of the algorithm oid with its parameters. The template
// shares the memory of key.
func decodeKey(oid encodingasn1.ObjectIdentifier, params, key cryptobyte.String) (kt ck.KeyType, tmpl ck.Template, ok bool) {
	switch {
	case oid.Equal(oidRSA):
		tmpl, ok = decodeRSA(key)
		return ck.CKK_RSA, tmpl, ok
	case oid.Equal(oidEC):
		tmpl, ok = decodeEC(params, key)
		return ck.CKK_EC, tmpl, ok
	}
	if set, err := findMLKEMSet(func(s *mlkemSet) bool { return oid.Equal(s.oid) }); err == nil {
		tmpl, ok = decodeMLKEM(set, key)
		return ck.CKK_ML_KEM, tmpl, ok && params.Empty()
	}
	c, err := findCurve(func(c *curve) bool { return c.kt != ck.CKK_EC && oid.Equal(c.oids[0]) })
	var value cryptobyte.String
	if err != nil || !key.ReadASN1(&value, asn1.OCTET_STRING) || !key.Empty() {
		return 0, nil, false
	}
	return c.kt, ck.Template{ck.Bytes(ck.CKA_EC_PARAMS, c.params()), ck.Bytes(ck.CKA_VALUE, value)}, true
}

// rsaPrivateKeyFields are the numbers of an RSAPrivateKey of two primes, in order.
var rsaPrivateKeyFields = []ck.AttributeType{
	ck.CKA_MODULUS, ck.CKA_PUBLIC_EXPONENT, ck.CKA_PRIVATE_EXPONENT,
	ck.CKA_PRIME_1, ck.CKA_PRIME_2, ck.CKA_EXPONENT_1, ck.CKA_EXPONENT_2, ck.CKA_COEFFICIENT,
}

func decodeRSA(s cryptobyte.String) (tmpl ck.Template, ok bool) {
	var seq cryptobyte.String
	var version int
	if !s.ReadASN1(&seq, asn1.SEQUENCE) || !s.Empty() || !seq.ReadASN1Integer(&version) || version != 0 {
		return nil, false
	}
	for _, t := range rsaPrivateKeyFields {
		var x []byte
		if !seq.ReadASN1Integer(&x) {
			return nil, false
		}
		tmpl = append(tmpl, ck.Bytes(t, x))
	}
	return tmpl, seq.Empty()
}

// decodeEC reads an ECPrivateKey. Its own curve counts where the algorithm names
// none.
func decodeEC(params, s cryptobyte.String) (tmpl ck.Template, ok bool) {
	var seq, value, inner, public cryptobyte.String
	var version int
	var hasInner, hasPublic bool
	ok = s.ReadASN1(&seq, asn1.SEQUENCE) && s.Empty() &&
		seq.ReadASN1Integer(&version) && version == 1 &&
		seq.ReadASN1(&value, asn1.OCTET_STRING) &&
		seq.ReadOptionalASN1(&inner, &hasInner, tagECParameters) &&
		seq.ReadOptionalASN1(&public, &hasPublic, tagECPublicKey) && seq.Empty()
	if !ok {
		return nil, false
	}
	if params.Empty() {
		params = inner
	}
	// A BIT STRING is one of the forms of CKA_EC_POINT, so the point is checked
	// against the key as that is.
	return ck.Template{
		ck.Bytes(ck.CKA_EC_PARAMS, params),
		ck.Bytes(ck.CKA_VALUE, value),
		ck.Bytes(ck.CKA_EC_POINT, public),
	}, true
}
