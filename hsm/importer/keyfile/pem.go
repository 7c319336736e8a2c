package keyfile

import (
	"bytes"
	"crypto/x509"
	encodingasn1 "encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/importer/pbes2"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Password asks for the password of a file, when it turns out to need one. The caller
// owns the answer.
type Password func() (*secret.Bytes, error)

// pemKinds are the kinds of PEM blocks (RFC 7468, RFC 1421) and what is done with them.
var pemKinds = map[string]func(b *batch, where string, der []byte, password Password) error{
	"PRIVATE KEY":           addPlainKey,
	"RSA PRIVATE KEY":       addRSAKey,
	"EC PRIVATE KEY":        addECKey,
	"ENCRYPTED PRIVATE KEY": addEncryptedKey,
	"CERTIFICATE": func(b *batch, where string, der []byte, _ Password) error {
		return b.addCertificate(where, "", der)
	},
	"TRUSTED CERTIFICATE": nil,
	"EC PARAMETERS":       nil, // openssl ecparam -genkey writes them before the key
}

// ReadPEM reads private keys and certificates of a PEM file; one that is in DER has
// one of them. The caller wipes the source.
func ReadPEM(path string, o Options, password Password) (*importer.Source, error) {
	whole, err := readAll(path)
	if err != nil {
		return nil, err
	}
	defer whole.Zero()
	b := newBatch("file", path, o)
	if err := b.readPEM(whole.Expose(), password); err != nil {
		b.Wipe()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	b.nameCertificates()
	return &b.Source, nil
}

func (b *batch) readPEM(rest []byte, password Password) error {
	if !bytes.Contains(rest, []byte("-----BEGIN ")) {
		return b.readDER(rest, password)
	}
	for n := 1; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		err := b.addBlock(fmt.Sprintf("block %d, %s", n, block.Type), block, password)
		clear(block.Bytes)
		if err != nil {
			return err
		}
	}
	if bytes.Contains(rest, []byte("-----BEGIN ")) {
		return importer.Formatf("it is cut off")
	}
	if len(b.Objects)+len(b.Left) == 0 {
		return importer.Formatf("there is neither key nor certificate in it")
	}
	return nil
}

func (b *batch) addBlock(where string, block *pem.Block, password Password) error {
	add, known := pemKinds[block.Type]
	switch {
	case !known:
		b.Left = append(b.Left, importer.Left{Where: where, What: block.Type, Why: "is neither a private key nor a certificate"})
		return nil
	case add == nil:
		return nil
	}
	der := block.Bytes
	if x509.IsEncryptedPEMBlock(block) { //nolint:staticcheck // old files are what importing is for
		plain, err := openLegacy(block, password)
		if err != nil {
			return err
		}
		defer clear(plain)
		der = plain
	}
	return add(b, where, der, password)
}

// openLegacy opens a block that is encrypted as in RFC 1423.
func openLegacy(block *pem.Block, password Password) ([]byte, error) {
	p, err := password()
	if err != nil {
		return nil, err
	}
	defer p.Zero()
	plain, err := x509.DecryptPEMBlock(block, p.Expose()) //nolint:staticcheck // see addBlock
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, importer.ErrPassword
	}
	if err != nil {
		return nil, importer.Formatf("%v", err)
	}
	if !isSequence(plain) {
		clear(plain)
		return nil, importer.ErrPassword // one time in 256 the padding of a wrong one fits
	}
	return plain, nil
}

// isSequence reports whether der is one SEQUENCE and no more, as keys and certificates are.
func isSequence(der []byte) bool {
	s := cryptobyte.String(der)
	return s.SkipASN1(asn1.SEQUENCE) && s.Empty()
}

// readDER tries what a DER file can be.
func (b *batch) readDER(der []byte, password Password) error {
	const where = "DER"
	if _, err := x509.ParseCertificate(der); err == nil {
		return b.addCertificate(where, "", der)
	}
	for _, add := range []func(*batch, string, []byte, Password) error{addPlainKey, addRSAKey, addECKey} {
		if add(b, where, der, nil) == nil {
			return nil
		}
	}
	err := addEncryptedKey(b, where, der, password)
	if errors.Is(err, importer.ErrFormat) {
		return importer.Formatf("neither PEM, nor a private key or a certificate in DER")
	}
	return err
}

func addPlainKey(b *batch, where string, der []byte, _ Password) error {
	return b.addPKCS8(where, "", der)
}

func addEncryptedKey(b *batch, where string, der []byte, password Password) error {
	// A look at the shape, before anybody is asked for a password.
	s := cryptobyte.String(der)
	var outer, algorithm, data cryptobyte.String
	if !s.ReadASN1(&outer, asn1.SEQUENCE) || !outer.ReadASN1(&algorithm, asn1.SEQUENCE) || !outer.ReadASN1(&data, asn1.OCTET_STRING) {
		return importer.Formatf("%s is cut off or damaged", where)
	}
	p, err := password()
	if err != nil {
		return err
	}
	defer p.Zero()
	plain, err := pbes2.Open(der, p.Expose())
	switch {
	case errors.Is(err, pbes2.ErrPassword):
		return importer.ErrPassword
	case errors.Is(err, pbes2.ErrUnsupported):
		return fmt.Errorf("%w: %w (openssl pkcs8 -topk8 seals it anew)", importer.ErrUnsupported, err)
	case err != nil:
		return importer.Formatf("%s: %v", where, err)
	}
	defer plain.Zero()
	if !isPrivateKeyInfo(plain.Expose()) {
		return importer.ErrPassword // one time in 256 the padding of a wrong one fits
	}
	return b.addPKCS8(where, "", plain.Expose())
}

// isPrivateKeyInfo reports whether der has the shape of one, of whatever key.
func isPrivateKeyInfo(der []byte) bool {
	s := cryptobyte.String(der)
	var outer, algorithm cryptobyte.String
	var version int
	return s.ReadASN1(&outer, asn1.SEQUENCE) && s.Empty() && outer.ReadASN1Integer(&version) && outer.ReadASN1(&algorithm, asn1.SEQUENCE)
}

// The algorithms of the keys that had files of their own before PKCS #8.
var (
	oidRSA = encodingasn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidEC  = encodingasn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
)

// addRSAKey adds an RSAPrivateKey (RFC 8017, appendix A.1.2).
func addRSAKey(b *batch, where string, der []byte, _ Password) error {
	return b.addWrapped(where, "", oidRSA, der)
}

// addECKey adds an ECPrivateKey (RFC 5915), which names its curve itself.
func addECKey(b *batch, where string, der []byte, _ Password) error {
	return b.addWrapped(where, "", oidEC, der)
}

// addWrapped adds a key by way of the PrivateKeyInfo that it makes.
func (b *batch) addWrapped(where, name string, oid encodingasn1.ObjectIdentifier, der []byte) error {
	c := cryptobyte.NewBuilder(make([]byte, 0, len(der)+64)) // never grows, and leaves no copy
	c.AddASN1(asn1.SEQUENCE, func(c *cryptobyte.Builder) {
		c.AddASN1Int64(0)
		c.AddASN1(asn1.SEQUENCE, func(c *cryptobyte.Builder) { c.AddASN1ObjectIdentifier(oid) })
		c.AddASN1OctetString(der)
	})
	info, err := c.Bytes()
	if err != nil {
		return importer.Formatf("%s: %v", where, err)
	}
	defer clear(info)
	return b.addPKCS8(where, name, info)
}
