package testvectors

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// publicKey is a peer's key: a point, and the parameters of its curve as
// CKA_EC_PARAMS has them if the format tells any.
type publicKey struct{ params, point []byte }

// format reads the keys of a file of key agreements. An error is that the key
// cannot be read at all, by the standard of the format; whether it is a good one
// is for the module.
type format struct {
	public  func(json.RawMessage) (publicKey, error)
	private func(json.RawMessage) ([]byte, error)
}

var (
	formatASN    = format{spki(hexText), hexText}        // X.509, and a number
	formatPoint  = format{bare, hexText}                 // a point, and a number
	formatPEM    = format{spki(pemText), pkcs8(pemText)} // both in PEM
	formatJWK    = format{jwkPublic, jwkPrivate}         // RFC 7517
	formatXDHASN = format{spki(hexText), pkcs8(hexText)} // RFC 8410
)

// The reasons for which a key cannot be put to the module.
var (
	errNotText = errors.New("key is not hex, PEM or JWK")
	errNotDER  = errors.New("key is not DER")
	errNotEC   = errors.New("key is of another algorithm")
)

func bare(raw json.RawMessage) (publicKey, error) {
	point, err := hexText(raw)
	return publicKey{point: point}, err
}

func hexText(raw json.RawMessage) ([]byte, error) {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return nil, errNotText
	}
	b, err := hex.DecodeString(text)
	if err != nil {
		return nil, errNotText
	}
	return b, nil
}

func pemText(raw json.RawMessage) ([]byte, error) {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return nil, errNotText
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errNotText
	}
	return block.Bytes, nil
}

// algorithm is AlgorithmIdentifier (RFC 5280, section 4.1.1.2).
type algorithm struct {
	OID        asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

var (
	oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1} // RFC 5480
	oidX25519      = asn1.ObjectIdentifier{1, 3, 101, 110}         // RFC 8410
)

// params is what CKA_EC_PARAMS gets: the parameters, or the OID where it names
// the curve on its own.
func (a algorithm) params() ([]byte, error) {
	switch {
	case a.OID.Equal(oidX25519):
		return der(a.OID), nil
	case !a.OID.Equal(oidECPublicKey):
		return nil, errNotEC
	case a.Parameters.FullBytes == nil:
		return []byte{}, nil
	}
	return a.Parameters.FullBytes, nil
}

// unmarshal reads DER with nothing behind it.
func unmarshal(b []byte, v any) error {
	if rest, err := asn1.Unmarshal(b, v); err != nil || len(rest) > 0 {
		return errNotDER
	}
	return nil
}

// spki reads SubjectPublicKeyInfo.
func spki(text func(json.RawMessage) ([]byte, error)) func(json.RawMessage) (publicKey, error) {
	return func(raw json.RawMessage) (publicKey, error) {
		b, err := text(raw)
		if err != nil {
			return publicKey{}, err
		}
		var info struct {
			Algorithm algorithm
			Point     asn1.BitString
		}
		if err := unmarshal(b, &info); err != nil || info.Point.BitLength%8 != 0 {
			return publicKey{}, errNotDER
		}
		params, err := info.Algorithm.params()
		return publicKey{params, info.Point.Bytes}, err
	}
}

// pkcs8 reads the private key inside PrivateKeyInfo: that of ECPrivateKey
// (RFC 5915) or CurvePrivateKey (RFC 8410).
func pkcs8(text func(json.RawMessage) ([]byte, error)) func(json.RawMessage) ([]byte, error) {
	return func(raw json.RawMessage) ([]byte, error) {
		b, err := text(raw)
		if err != nil {
			return nil, err
		}
		var info struct {
			Version   int
			Algorithm algorithm
			Key       []byte
			Rest      []asn1.RawValue `asn1:"optional,tag:0,set"`
		}
		if err := unmarshal(b, &info); err != nil {
			return nil, err
		}
		if info.Algorithm.OID.Equal(oidX25519) {
			var value []byte
			return value, unmarshal(info.Key, &value)
		}
		var key struct {
			Version int
			Value   []byte
			Params  asn1.RawValue  `asn1:"optional,explicit,tag:0"`
			Point   asn1.BitString `asn1:"optional,explicit,tag:1"`
		}
		return key.Value, unmarshal(info.Key, &key)
	}
}

// jwk is a JSON Web Key (RFC 7518, section 6.2; RFC 8037, section 2).
type jwk struct {
	Type    string `json:"kty"`
	Curve   string `json:"crv"`
	X, Y, D base64url
}

type base64url []byte

func (b *base64url) UnmarshalText(text []byte) error {
	out, err := base64.RawURLEncoding.Strict().DecodeString(string(text))
	*b = out
	return err
}

func jwkOf(raw json.RawMessage) (k jwk, c *curve, err error) {
	if json.Unmarshal(raw, &k) != nil {
		return k, nil, errNotText
	}
	c = curves[k.Curve]
	wantType := "EC"
	if c != nil && c.keyType != ck.CKK_EC {
		wantType = "OKP"
	}
	if c == nil || k.Type != wantType {
		return k, nil, errNotEC
	}
	return k, c, nil
}

func jwkPublic(raw json.RawMessage) (publicKey, error) {
	k, c, err := jwkOf(raw)
	if err != nil {
		return publicKey{}, err
	}
	if c.keyType != ck.CKK_EC {
		return publicKey{c.params(), k.X}, nil
	}
	// The point of SEC 1, section 2.3.3, from coordinates of whatever length.
	return publicKey{c.params(), slices.Concat([]byte{4}, k.X, k.Y)}, nil
}

func jwkPrivate(raw json.RawMessage) ([]byte, error) {
	k, _, err := jwkOf(raw)
	return k.D, err
}
