package keyfile

import (
	encodingasn1 "encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/importer/pbes2"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// census is a look at a PKCS #12 file (RFC 7292, section 4) beside the library that reads
// it: the library computes for as long as a file says, and passes over bags that are
// neither keys nor certificates without a word. What cannot be parsed is the library's to
// tell of.
type census struct {
	password []byte
	seen     int             // bags
	left     []importer.Left // those that the library does not read
	costly   int             // the first number of iterations that is too large; 0: none
}

// The object identifiers of RFC 7292, section 4 and appendix D, and RFC 2315.
var (
	oidData          = encodingasn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEncryptedData = encodingasn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
	oidBags          = encodingasn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1}
)

// bags are the kinds of bags, by the last number of oidBags: what they hold, and whether
// the library reads them.
var bags = map[int]struct {
	what string
	read bool
}{
	1: {"a key in the clear", true}, 2: {"a key", true}, 3: {"a certificate", true},
	4: {"a list of revoked certificates", false}, 5: {"a secret key", false}, 6: {"bags within a bag", false},
}

const bagSealed = 2 // the last number of pkcs8ShroudedKeyBag

var explicit0 = asn1.Tag(0).ContextSpecific().Constructed()

// look goes through a file: ErrUnsupported if opening it takes for ever.
func (c *census) look(pfx []byte) error {
	in := cryptobyte.String(pfx)
	var outer, mac, digest cryptobyte.String
	var iterations int
	if !in.ReadASN1(&outer, asn1.SEQUENCE) || !outer.SkipASN1(asn1.INTEGER) {
		return nil
	}
	safe, _ := content(&outer, oidData)
	if outer.ReadASN1(&mac, asn1.SEQUENCE) && mac.ReadASN1(&digest, asn1.SEQUENCE) {
		c.cost(&digest)
		if mac.SkipASN1(asn1.OCTET_STRING) && mac.ReadASN1Integer(&iterations) {
			c.iterations(iterations)
		}
	}
	c.safes(safe)
	if c.costly != 0 {
		return fmt.Errorf("%w: %d iterations", importer.ErrUnsupported, c.costly)
	}
	return nil
}

// content reads a ContentInfo of the type want, whose content is an OCTET STRING.
func content(in *cryptobyte.String, want encodingasn1.ObjectIdentifier) (octets cryptobyte.String, ok bool) {
	var info, inner cryptobyte.String
	var oid encodingasn1.ObjectIdentifier
	ok = in.ReadASN1(&info, asn1.SEQUENCE) && info.ReadASN1ObjectIdentifier(&oid) && oid.Equal(want) &&
		info.ReadASN1(&inner, explicit0) && inner.ReadASN1(&octets, asn1.OCTET_STRING)
	return octets, ok
}

// safes looks at an AuthenticatedSafe.
func (c *census) safes(der cryptobyte.String) {
	var list, info, inner cryptobyte.String
	var oid encodingasn1.ObjectIdentifier
	if !der.ReadASN1(&list, asn1.SEQUENCE) {
		return
	}
	for list.ReadASN1(&info, asn1.SEQUENCE) && info.ReadASN1ObjectIdentifier(&oid) && info.ReadASN1(&inner, explicit0) {
		var plain cryptobyte.String
		switch {
		case oid.Equal(oidEncryptedData):
			c.encrypted(inner)
		case oid.Equal(oidData) && inner.ReadASN1(&plain, asn1.OCTET_STRING):
			c.contents(plain)
		}
	}
}

// encrypted looks into an EncryptedData, if it is sealed by PBES2. Bags that are sealed by
// what older programs have are told of as not seen.
func (c *census) encrypted(der cryptobyte.String) {
	var data, info, algorithm, octets cryptobyte.String
	if !der.ReadASN1(&data, asn1.SEQUENCE) || !data.SkipASN1(asn1.INTEGER) || !data.ReadASN1(&info, asn1.SEQUENCE) ||
		!info.SkipASN1(asn1.OBJECT_IDENTIFIER) || !info.ReadASN1(&algorithm, asn1.SEQUENCE) ||
		!info.ReadASN1(&octets, asn1.Tag(0).ContextSpecific()) {
		return
	}
	parameters := algorithm
	c.cost(&parameters)
	if c.costly != 0 {
		return
	}
	plain, err := c.unseal(algorithm, octets)
	if err != nil {
		c.left = append(c.left, importer.Left{Where: "encrypted contents", What: "anything else", Harmless: true,
			Why: "keys and certificates alone were looked for"})
		return
	}
	defer plain.Zero()
	c.contents(plain.Expose())
}

func (c *census) unseal(algorithm, octets cryptobyte.String) (*secret.Bytes, error) {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(algorithm) })
		b.AddASN1OctetString(octets)
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return pbes2.Open(der, c.password)
}

// contents looks at SafeContents.
func (c *census) contents(der cryptobyte.String) {
	var list, bag, value, key, algorithm cryptobyte.String
	var oid encodingasn1.ObjectIdentifier
	if !der.ReadASN1(&list, asn1.SEQUENCE) {
		return
	}
	for list.ReadASN1(&bag, asn1.SEQUENCE) && bag.ReadASN1ObjectIdentifier(&oid) && bag.ReadASN1(&value, explicit0) {
		c.seen++
		number := 0
		if len(oid) == len(oidBags)+1 && oid[:len(oidBags)].Equal(oidBags) {
			number = oid[len(oidBags)]
		}
		kind, known := bags[number]
		if !known {
			kind.what = "a bag of type " + oid.String()
		}
		if !kind.read {
			c.left = append(c.left, importer.Left{Where: fmt.Sprintf("bag %d", c.seen), What: kind.what,
				Why: "only keys of pairs and certificates are read of PKCS #12"})
		}
		if number == bagSealed && value.ReadASN1(&key, asn1.SEQUENCE) && key.ReadASN1(&algorithm, asn1.SEQUENCE) {
			c.cost(&algorithm)
		}
	}
}

// cost reads how often an AlgorithmIdentifier iterates: that of PKCS #12 itself, of PBES2
// or of PBMAC1, whose parameters begin with another one.
func (c *census) cost(algorithm *cryptobyte.String) {
	var params, first cryptobyte.String
	var iterations int
	if algorithm.PeekASN1Tag(asn1.SEQUENCE) { // of a DigestInfo
		algorithm.ReadASN1(&first, asn1.SEQUENCE)
		algorithm = &first
	}
	if !algorithm.SkipASN1(asn1.OBJECT_IDENTIFIER) || !algorithm.ReadASN1(&params, asn1.SEQUENCE) {
		return
	}
	if params.PeekASN1Tag(asn1.SEQUENCE) {
		var kdf cryptobyte.String
		params.ReadASN1(&kdf, asn1.SEQUENCE)
		c.cost(&kdf)
		return
	}
	if params.SkipASN1(asn1.OCTET_STRING) && params.ReadASN1Integer(&iterations) {
		c.iterations(iterations)
	}
}

func (c *census) iterations(n int) {
	if n > pbes2.MaxIterations && c.costly == 0 {
		c.costly = n
	}
}

// unread names the first bag that the library does not read; nil if it reads all.
func (c *census) unread() error {
	for _, l := range c.left {
		if !l.Harmless {
			return fmt.Errorf("%w: %s is %s; %s", importer.ErrUnsupported, l.Where, l.What, l.Why)
		}
	}
	return nil
}
