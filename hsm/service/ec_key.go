package service

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// ecPublicKey is the parsed form of public keys on any curve.
type ecPublicKey struct {
	curve *curve
	point []byte           // uncompressed, or the 32 bytes of RFC 7748 and RFC 8032
	ecdsa *ecdsa.PublicKey // of CKK_EC
}

// ecPrivateKey is the parsed form of private keys on any curve. What the curve
// is not for is nil.
type ecPrivateKey struct {
	ecPublicKey
	wipeable
	value []byte             // CKA_VALUE: curve.size bytes
	ecdsa *ecdsa.PrivateKey  // of CKK_EC
	ed    ed25519.PrivateKey // of CKK_EC_EDWARDS
	dh    *ecdh.PrivateKey   // where crypto/ecdh has the curve
}

func (k *ecPrivateKey) zero() {
	k.wipe(func() {
		clear(k.value)
		if k.ed != nil {
			clear(k.ed[:ed25519.SeedSize]) // the rest is k.point
		}
		if k.ecdsa != nil {
			clear(k.ecdsa.D.Bits())
		}
	})
}

func (k *ecPrivateKey) abandon() { whenForgotten(k, (*ecPrivateKey).zero) }

// curveOf reads CKA_EC_PARAMS and holds it against CKA_KEY_TYPE.
func curveOf(a source) (*curve, error) {
	c, err := parseCurve(a(ck.CKA_EC_PARAMS))
	if err != nil {
		return nil, err
	}
	if kt, _ := ck.ParseUlong(a(ck.CKA_KEY_TYPE)); ck.KeyType(kt) != c.kt {
		return nil, ck.Errorf(ck.CKR_CURVE_NOT_SUPPORTED, "%s is not a curve for %v", c.names[0], ck.KeyType(kt))
	}
	return c, nil
}

func parseECPublic(a source) (any, error) {
	c, err := curveOf(a)
	if err != nil {
		return nil, err
	}
	point := a(ck.CKA_EC_POINT)
	if len(point) == 0 {
		return nil, ck.Errorf(ck.CKR_TEMPLATE_INCOMPLETE, "CKA_EC_POINT is missing")
	}
	return c.publicKey(point)
}

// publicKey reads a point in any of its forms.
func (c *curve) publicKey(point []byte) (*ecPublicKey, error) {
	point = c.bare(point)
	if !c.hasLength(point) {
		return nil, errECPoint
	}
	if c.kt == ck.CKK_EC_EDWARDS && !isEdwardsPoint(point) {
		return nil, errECPoint
	}
	if c.kt != ck.CKK_EC { // for X25519 any 32 bytes will do (RFC 7748, section 5)
		return &ecPublicKey{curve: c, point: slices.Clone(point)}, nil
	}
	pub, err := c.weierstrassPoint(point)
	if err != nil {
		return nil, err
	}
	encoded, err := pub.Bytes()
	if err != nil {
		return nil, errECPoint
	}
	return &ecPublicKey{c, encoded, pub}, nil
}

func parseECPrivate(a source) (any, error) {
	c, err := curveOf(a)
	if err != nil {
		return nil, err
	}
	value := a(ck.CKA_VALUE)
	if len(value) == 0 {
		return nil, ck.Errorf(ck.CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE is missing")
	}
	k, err := c.privateKey(value)
	if err != nil {
		return nil, err
	}
	if point := a(ck.CKA_EC_POINT); len(point) > 0 { // optional in a private key
		pub, err := c.publicKey(point)
		if err != nil || !bytes.Equal(pub.point, k.point) {
			return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "CKA_EC_POINT is not that of the private key")
		}
	}
	return k, nil
}

var errECPrivate = ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "not a private key of the curve")

// privateKey reads CKA_VALUE: a big-endian number below the order on curves of
// CKK_EC, 32 bytes on the others. It does not keep value.
func (c *curve) privateKey(value []byte) (*ecPrivateKey, error) {
	k := &ecPrivateKey{ecPublicKey: ecPublicKey{curve: c}, value: c.padded(value)}
	if k.value == nil {
		return nil, errECPrivate
	}
	var err error
	if c.nist != nil {
		if k.ecdsa, err = ecdsa.ParseRawPrivateKey(c.nist, k.value); err != nil {
			return nil, errECPrivate
		}
		k.ecPublicKey.ecdsa = &k.ecdsa.PublicKey
		if k.point, err = k.ecdsa.PublicKey.Bytes(); err != nil {
			return nil, errECPrivate
		}
	}
	if c.dh != nil {
		if k.dh, err = c.dh.NewPrivateKey(k.value); err != nil {
			return nil, errECPrivate
		}
		k.point = k.dh.PublicKey().Bytes()
	}
	if c.kt == ck.CKK_EC_EDWARDS {
		k.ed = ed25519.NewKeyFromSeed(k.value)
		k.point = k.ed[ed25519.SeedSize:]
	}
	return k, nil
}

// padded copies a private key to the length it has on c. Numbers may come with
// zeros in front or without; nil means that there is no number or it is too long.
func (c *curve) padded(value []byte) []byte {
	if c.kt != ck.CKK_EC {
		if len(value) != c.size {
			return nil
		}
		return slices.Clone(value)
	}
	for len(value) > c.size && value[0] == 0 {
		value = value[1:]
	}
	if len(value) == 0 || len(value) > c.size {
		return nil
	}
	p := make([]byte, c.size)
	copy(p[c.size-len(value):], value)
	return p
}

func (k *ecPublicKey) attributes() ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_PUBLIC_KEY),
		ck.Ulong(ck.CKA_KEY_TYPE, k.curve.kt),
		ck.Bytes(ck.CKA_EC_PARAMS, k.curve.params()),
		ck.Bytes(ck.CKA_EC_POINT, octetString(k.point)),
		ck.Bytes(ck.CKA_PUBLIC_KEY_INFO, k.publicKeyInfo()),
	}
}

func (k *ecPrivateKey) attributes() ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_PRIVATE_KEY),
		ck.Ulong(ck.CKA_KEY_TYPE, k.curve.kt),
		ck.Bytes(ck.CKA_EC_PARAMS, k.curve.params()),
		ck.Bytes(ck.CKA_EC_POINT, octetString(k.point)),
		ck.Bytes(ck.CKA_VALUE, slices.Clone(k.value)),
		ck.Bytes(ck.CKA_PUBLIC_KEY_INFO, k.publicKeyInfo()),
	}
}

// newValue makes a private key (CKA_VALUE) at random.
func (c *curve) newValue() ([]byte, error) {
	switch {
	case c.nist != nil:
		k, err := ecdsa.GenerateKey(c.nist, rand.Reader)
		if err != nil {
			return nil, err
		}
		return k.Bytes()
	case c.dh != nil:
		k, err := c.dh.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		return k.Bytes(), nil
	}
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return k.Seed(), nil
}

// generateEC makes the key pair generation of the mechanism for keys of the
// given types. Which of them it is follows from CKA_EC_PARAMS, since clients ask
// CKM_EC_KEY_PAIR_GEN for Ed25519 too.
func generateEC(types ...ck.KeyType) func(*ck.Mechanism, ck.Template, ck.Template) (pub, priv ck.Template, err error) {
	return func(_ *ck.Mechanism, public, _ ck.Template) (pub, priv ck.Template, err error) {
		c, err := parseCurve(sourceOf(public)(ck.CKA_EC_PARAMS))
		if err != nil {
			return nil, nil, err
		}
		if !slices.Contains(types, c.kt) {
			return nil, nil, ck.Errorf(ck.CKR_CURVE_NOT_SUPPORTED, "%s has a mechanism of its own", c.names[0])
		}
		value, err := c.newValue()
		if err != nil {
			return nil, nil, ck.Errorf(ck.CKR_FUNCTION_FAILED, "generating a key on %s: %w", c.names[0], err)
		}
		defer clear(value)
		k, err := c.privateKey(value)
		if err != nil {
			return nil, nil, err
		}
		defer k.zero()
		return k.ecPublicKey.attributes(), k.attributes(), nil
	}
}
