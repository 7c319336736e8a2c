package keyfile

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/importer/pbes2"
)

// ReadPKCS12 reads private keys and certificates of a PKCS #12 file (RFC 7292). The
// library that does it leaves copies of the keys on the heap, which go with the
// process. The caller wipes the source.
func ReadPKCS12(path string, o Options, password Password) (*importer.Source, error) {
	whole, err := readAll(path)
	if err != nil {
		return nil, err
	}
	defer whole.Zero()
	if len(whole.Expose()) == 0 || whole.Expose()[0] != 0x30 {
		return nil, importer.Formatf("%s is no PKCS #12 file", path)
	}
	// Many files are under an empty password, which nobody is to be asked for.
	if b, err := openPKCS12(whole.Expose(), path, o, nil); err == nil || errors.Is(err, importer.ErrUnsupported) {
		return b, err
	}
	p, err := password()
	if err != nil {
		return nil, err
	}
	defer p.Zero()
	return openPKCS12(whole.Expose(), path, o, p.Expose())
}

func openPKCS12(pfx []byte, path string, o Options, password []byte) (*importer.Source, error) {
	b := newBatch("PKCS #12 file", path, o)
	if err := b.readPKCS12(pfx, password); err != nil {
		b.Wipe()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	b.nameCertificates()
	return &b.Source, nil
}

// readPKCS12 reads the bags one by one, which tells their names; where the library
// cannot do that (Ed25519, attributes it does not know), the key with its chain; and
// last a file of certificates only.
func (b *batch) readPKCS12(pfx, secret []byte) error {
	bags := census{password: secret}
	if err := bags.look(pfx); err != nil {
		return err
	}
	password := pbes2.AsString(secret)
	blocks, err := pkcs12.ToPEM(pfx, password) //nolint:staticcheck // DecodeChain does not tell the names
	if err == nil {
		return b.addBags(blocks)
	}
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return importer.ErrPassword
	}
	key, leaf, chain, err := pkcs12.DecodeChain(pfx, password)
	if err != nil {
		certs, again := pkcs12.DecodeTrustStore(pfx, password)
		if again != nil && bags.unread() != nil {
			return bags.unread()
		}
		if again != nil && strings.HasSuffix(err.Error(), "certificate missing") {
			return fmt.Errorf("%w: a key without a certificate (openssl pkcs12 -nodes makes a PEM file of it)", importer.ErrUnsupported)
		}
		if again != nil {
			return importer.Formatf("%s", strings.TrimPrefix(err.Error(), "pkcs12: "))
		}
		return b.addChain(certs)
	}
	b.Left = append(b.Left, bags.left...)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return importer.Formatf("%v", err)
	}
	defer clear(der)
	if err := b.addPKCS8("key", "", der); err != nil {
		return err
	}
	return b.addChain(append([]*x509.Certificate{leaf}, chain...))
}

func (b *batch) addChain(certs []*x509.Certificate) error {
	for i, c := range certs {
		if c == nil {
			continue
		}
		if err := b.addCertificate(fmt.Sprintf("certificate %d", i+1), "", c.Raw); err != nil {
			return err
		}
	}
	return nil
}

// addBags adds what ToPEM has made of the bags: all of them, and wipes them.
func (b *batch) addBags(blocks []*pem.Block) (err error) {
	for i, block := range blocks {
		where, name := fmt.Sprintf("bag %d", i+1), block.Headers["friendlyName"]
		if err == nil {
			err = b.addBag(where, name, block)
		}
		clear(block.Bytes)
	}
	return err
}

// addBag adds a bag. Its key is a PKCS #1 or SEC 1 key, whatever the block says.
func (b *batch) addBag(where, name string, block *pem.Block) error {
	if block.Type == "CERTIFICATE" {
		return b.addCertificate(where, name, block.Bytes)
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil && key != nil {
		return b.addWrapped(where, name, oidRSA, block.Bytes)
	}
	return b.addWrapped(where, name, oidEC, block.Bytes)
}
