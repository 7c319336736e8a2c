package service

import (
	"crypto/ecdsa"
	"crypto/elliptic"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

var errECPoint = ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "not a point on the curve")

// bare takes the DER off a point. Clients give points as they are, in an OCTET
// STRING as the standard wants, or in a BIT STRING as it once did. On one curve
// these have different lengths, so a point that looks like DER by chance is
// never taken for it.
func (c *curve) bare(point []byte) []byte {
	var octets cryptobyte.String
	if s := cryptobyte.String(point); s.ReadASN1(&octets, asn1.OCTET_STRING) && s.Empty() && c.hasLength(octets) {
		return octets
	}
	var bits []byte
	if s := cryptobyte.String(point); s.ReadASN1BitStringAsBytes(&bits) && s.Empty() && c.hasLength(bits) {
		return bits
	}
	return point
}

// hasLength reports whether an encoded point on c can have the length of b.
func (c *curve) hasLength(b []byte) bool {
	if c.kt != ck.CKK_EC {
		return len(b) == c.size
	}
	return len(b) == 1+c.size || len(b) == 1+2*c.size
}

// weierstrassPoint reads a point, compressed or not (SEC 1, section 2.3.4), and
// makes sure that it is on the curve and not at infinity.
func (c *curve) weierstrassPoint(point []byte) (*ecdsa.PublicKey, error) {
	if len(point) == 1+c.size {
		x, y := elliptic.UnmarshalCompressed(c.nist, point)
		if x == nil {
			return nil, errECPoint
		}
		return &ecdsa.PublicKey{Curve: c.nist, X: x, Y: y}, nil
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(c.nist, point)
	if err != nil {
		return nil, errECPoint
	}
	return pub, nil
}

// octetString is CKA_EC_POINT as this package writes it.
func octetString(point []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1OctetString(point)
	return b.BytesOrPanic()
}
