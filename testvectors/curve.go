package testvectors

import (
	"encoding/asn1"
	"fmt"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// curve is a curve as PKCS #11 names it.
type curve struct {
	oid     asn1.ObjectIdentifier
	size    int // bytes of a coordinate
	keyType ck.KeyType
}

// curves are by the names that Wycheproof's files use, which depend on the format
// of the keys.
var curves = func() map[string]*curve {
	p224 := &curve{asn1.ObjectIdentifier{1, 3, 132, 0, 33}, 28, ck.CKK_EC}
	p256 := &curve{asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}, 32, ck.CKK_EC}
	p384 := &curve{asn1.ObjectIdentifier{1, 3, 132, 0, 34}, 48, ck.CKK_EC}
	p521 := &curve{asn1.ObjectIdentifier{1, 3, 132, 0, 35}, 66, ck.CKK_EC}
	ed25519 := &curve{asn1.ObjectIdentifier{1, 3, 101, 112}, 32, ck.CKK_EC_EDWARDS}
	x25519 := &curve{asn1.ObjectIdentifier{1, 3, 101, 110}, 32, ck.CKK_EC_MONTGOMERY}
	return map[string]*curve{
		"secp224r1": p224, "secp256r1": p256, "secp384r1": p384, "secp521r1": p521,
		"P-256": p256, "P-384": p384, "P-521": p521,
		"edwards25519": ed25519, "curve25519": x25519, "X25519": x25519,
	}
}()

// curve is the curve of that name. One that is not known here is counted as a
// fault, and nil.
func (r *runner) curve(name string) *curve {
	c := curves[name]
	if c == nil {
		r.tally.add(wrong, fmt.Sprintf("curve %q is not known here", name))
	}
	return c
}

// params is CKA_EC_PARAMS.
func (c *curve) params() []byte { return der(c.oid) }

// der encodes a value of our own; that it fails is a fault of this package.
func der(v any) []byte {
	b, err := asn1.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
