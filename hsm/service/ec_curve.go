package service

import (
	"crypto/ecdh"
	"crypto/elliptic"
	encodingasn1 "encoding/asn1"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// curve is an elliptic curve that keys may be on.
type curve struct {
	oids  []encodingasn1.ObjectIdentifier // as CKA_EC_PARAMS has them; the first is ours
	names []string                        // the same as a PrintableString, any case
	kt    ck.KeyType                      // that of keys on this curve
	bits  int                             // of a coordinate
	size  int                             // bytes of a coordinate, and of a private key

	nist elliptic.Curve // of CKK_EC
	dh   ecdh.Curve     // nil where crypto/ecdh has not got it, and for signatures only
}

// curves are the curves of NIST SP 800-186 and RFC 7748 that this package does.
// The last OID of the last two is one from before RFC 8410 that clients still use.
var curves = []*curve{
	{
		oids:  []encodingasn1.ObjectIdentifier{{1, 3, 132, 0, 33}},
		names: []string{"secp224r1", "P-224"},
		kt:    ck.CKK_EC, bits: 224, size: 28, nist: elliptic.P224(),
	},
	{
		oids:  []encodingasn1.ObjectIdentifier{{1, 2, 840, 10045, 3, 1, 7}},
		names: []string{"secp256r1", "prime256v1", "P-256"},
		kt:    ck.CKK_EC, bits: 256, size: 32, nist: elliptic.P256(), dh: ecdh.P256(),
	},
	{
		oids:  []encodingasn1.ObjectIdentifier{{1, 3, 132, 0, 34}},
		names: []string{"secp384r1", "P-384"},
		kt:    ck.CKK_EC, bits: 384, size: 48, nist: elliptic.P384(), dh: ecdh.P384(),
	},
	{
		oids:  []encodingasn1.ObjectIdentifier{{1, 3, 132, 0, 35}},
		names: []string{"secp521r1", "P-521"},
		kt:    ck.CKK_EC, bits: 521, size: 66, nist: elliptic.P521(), dh: ecdh.P521(),
	},
	{
		oids:  []encodingasn1.ObjectIdentifier{{1, 3, 101, 112}, {1, 3, 6, 1, 4, 1, 11591, 15, 1}},
		names: []string{"edwards25519", "Ed25519"},
		kt:    ck.CKK_EC_EDWARDS, bits: 255, size: 32,
	},
	{
		oids:  []encodingasn1.ObjectIdentifier{{1, 3, 101, 110}, {1, 3, 6, 1, 4, 1, 3029, 1, 5, 1}},
		names: []string{"curve25519", "X25519"},
		kt:    ck.CKK_EC_MONTGOMERY, bits: 255, size: 32, dh: ecdh.X25519(),
	},
}

// findCurve returns the first curve that fits.
func findCurve(fits func(*curve) bool) (*curve, error) {
	if i := slices.IndexFunc(curves, fits); i >= 0 {
		return curves[i], curveAllowed(curves[i])
	}
	return nil, ck.CKR_CURVE_NOT_SUPPORTED
}

// parseCurve reads CKA_EC_PARAMS: an OID, a name as a PrintableString, or the
// parameters spelled out (ECParameters of RFC 3279, section 2.3.5).
func parseCurve(der []byte) (*curve, error) {
	if len(der) == 0 {
		return nil, ck.Errorf(ck.CKR_TEMPLATE_INCOMPLETE, "CKA_EC_PARAMS is missing")
	}
	s := cryptobyte.String(der)
	var body cryptobyte.String
	var tag asn1.Tag
	if !s.ReadAnyASN1(&body, &tag) || !s.Empty() {
		return nil, errECParams
	}
	switch tag {
	case asn1.OBJECT_IDENTIFIER:
		return curveByOID(der)
	case asn1.PrintableString, asn1.UTF8String:
		return findCurve(func(c *curve) bool {
			return slices.ContainsFunc(c.names, func(n string) bool { return strings.EqualFold(n, string(body)) })
		})
	case asn1.SEQUENCE:
		return parseExplicitCurve(body)
	}
	return nil, errECParams
}

var errECParams = ck.Errorf(ck.CKR_DOMAIN_PARAMS_INVALID, "CKA_EC_PARAMS is neither an OID nor a name nor parameters")

func curveByOID(der []byte) (*curve, error) {
	var oid encodingasn1.ObjectIdentifier
	if s := cryptobyte.String(der); !s.ReadASN1ObjectIdentifier(&oid) {
		return nil, errECParams
	}
	return findCurve(func(c *curve) bool {
		return slices.ContainsFunc(c.oids, oid.Equal)
	})
}

// params is CKA_EC_PARAMS as this package writes it: the OID.
func (c *curve) params() []byte {
	var b cryptobyte.Builder
	b.AddASN1ObjectIdentifier(c.oids[0])
	return b.BytesOrPanic()
}
