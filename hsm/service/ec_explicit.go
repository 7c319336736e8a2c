package service

import (
	encodingasn1 "encoding/asn1"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// oidPrimeField is id-prime-field, ANSI X9.62.
var oidPrimeField = encodingasn1.ObjectIdentifier{1, 2, 840, 10045, 1, 1}

// explicitCurve is ECParameters, without what is left out here: the seed, and
// the cofactor, which is 1 on all curves that we know.
type explicitCurve struct {
	p, order *big.Int
	a, b     []byte // field elements, of any length
	base     []byte // encoded point
}

// parseExplicitCurve finds the curve whose parameters are spelled out in the body
// of an ECParameters (RFC 3279, section 2.3.5).
func parseExplicitCurve(s cryptobyte.String) (*curve, error) {
	var e explicitCurve
	if !e.read(s) {
		return nil, errECParams
	}
	return findCurve(e.is)
}

func (e *explicitCurve) read(s cryptobyte.String) bool {
	var version int
	var field, equation, base cryptobyte.String
	var a, b cryptobyte.String
	var oid encodingasn1.ObjectIdentifier
	e.p, e.order = new(big.Int), new(big.Int)
	cofactor := new(big.Int) // optional in X9.62, but it says which points are in the group: demanded
	ok := s.ReadASN1Integer(&version) &&
		s.ReadASN1(&field, asn1.SEQUENCE) &&
		field.ReadASN1ObjectIdentifier(&oid) && oid.Equal(oidPrimeField) &&
		field.ReadASN1Integer(e.p) && field.Empty() &&
		s.ReadASN1(&equation, asn1.SEQUENCE) &&
		equation.ReadASN1(&a, asn1.OCTET_STRING) &&
		equation.ReadASN1(&b, asn1.OCTET_STRING) &&
		equation.SkipOptionalASN1(asn1.BIT_STRING) && equation.Empty() &&
		s.ReadASN1(&base, asn1.OCTET_STRING) &&
		s.ReadASN1Integer(e.order) &&
		s.ReadASN1Integer(cofactor) && s.Empty()
	e.a, e.b, e.base = a, b, base
	return ok && version >= 1 && version <= 3 && cofactor.IsInt64() && cofactor.Int64() == 1
}

// is reports whether the parameters are those of c.
func (e *explicitCurve) is(c *curve) bool {
	if c.nist == nil {
		return false
	}
	known := c.nist.Params()
	a := new(big.Int).Sub(known.P, big.NewInt(3)) // on all curves of SP 800-186, section 3.2.1
	base, err := c.weierstrassPoint(e.base)
	return err == nil &&
		e.p.Cmp(known.P) == 0 && e.order.Cmp(known.N) == 0 &&
		new(big.Int).SetBytes(e.a).Cmp(a) == 0 &&
		new(big.Int).SetBytes(e.b).Cmp(known.B) == 0 &&
		base.X.Cmp(known.Gx) == 0 && base.Y.Cmp(known.Gy) == 0
}
