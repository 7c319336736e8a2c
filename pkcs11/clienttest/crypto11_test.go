package clienttest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"sync"
	"time"

	"github.com/ThalesIgnite/crypto11"
	"github.com/miekg/pkcs11"
)

var digest = sha256.Sum256([]byte("some text"))

// crypto11Client does what programs on github.com/ThalesIgnite/crypto11 do.
func crypto11Client() error {
	ctx, err := crypto11.Configure(&crypto11.Config{Path: os.Getenv("MODULE"), TokenLabel: "test", Pin: userPIN})
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	for _, step := range []struct {
		name string
		run  func(*crypto11.Context) error
	}{
		{"RSA", crypto11RSA},
		{"ECDSA", crypto11ECDSA},
		{"AEAD", crypto11AEAD},
		{"HMAC", crypto11HMAC},
		{"random", crypto11Random},
		{"certificate", crypto11Certificate},
		{"threads", crypto11Threads},
		{"missing", crypto11Missing},
	} {
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return ctx.Close()
}

func crypto11RSA(ctx *crypto11.Context) error {
	made, err := ctx.GenerateRSAKeyPairWithLabel([]byte("id1"), []byte("rsa"), 2048)
	if err != nil {
		return err
	}
	found, err := ctx.FindKeyPair(nil, []byte("rsa"))
	if err != nil || found == nil {
		return fmt.Errorf("find: %v, %w", found, err)
	}
	public := made.Public().(*rsa.PublicKey)
	signature, err := found.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return err
	}
	if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature); err != nil {
		return err
	}
	for _, salt := range []int{rsa.PSSSaltLengthEqualsHash, 20} {
		options := &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256}
		if signature, err = found.Sign(rand.Reader, digest[:], options); err != nil {
			return err
		}
		if err := rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, options); err != nil {
			return err
		}
	}
	return crypto11Decrypt(found.(crypto.Decrypter))
}

func crypto11Decrypt(key crypto.Decrypter) error {
	public := key.Public().(*rsa.PublicKey)
	pkcs, err := rsa.EncryptPKCS1v15(rand.Reader, public, []byte("some text"))
	if err != nil {
		return err
	}
	oaep, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, []byte("some text"), []byte("label"))
	if err != nil {
		return err
	}
	for _, c := range []struct {
		text    []byte
		options crypto.DecrypterOpts
	}{
		{pkcs, &rsa.PKCS1v15DecryptOptions{}},
		{oaep, &rsa.OAEPOptions{Hash: crypto.SHA256, Label: []byte("label")}},
	} {
		text, err := key.Decrypt(rand.Reader, c.text, c.options)
		if err != nil || string(text) != "some text" {
			return fmt.Errorf("%T: %q, %w", c.options, text, err)
		}
	}
	if _, err := key.Decrypt(rand.Reader, oaep, &rsa.OAEPOptions{Hash: crypto.SHA256, Label: []byte("other")}); err == nil {
		return errors.New("a wrong label goes unnoticed")
	}
	return nil
}

func crypto11ECDSA(ctx *crypto11.Context) error {
	for i, curve := range []elliptic.Curve{elliptic.P224(), elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		id := []byte{byte(i)}
		made, err := ctx.GenerateECDSAKeyPair(id, curve)
		if err != nil {
			return err
		}
		found, err := ctx.FindKeyPair(id, nil)
		if err != nil || found == nil {
			return fmt.Errorf("find: %v, %w", found, err)
		}
		signature, err := found.Sign(rand.Reader, digest[:], crypto.SHA256)
		if err != nil {
			return err
		}
		if !ecdsa.VerifyASN1(made.Public().(*ecdsa.PublicKey), digest[:], signature) {
			return fmt.Errorf("%s: wrong signature", curve.Params().Name)
		}
		if err := made.Delete(); err != nil {
			return err
		}
	}
	return nil
}

func crypto11AEAD(ctx *crypto11.Context) error {
	key, err := ctx.GenerateSecretKeyWithLabel([]byte("id2"), []byte("aes"), 256, crypto11.CipherAES)
	if err != nil {
		return err
	}
	gcm, err := key.NewGCM()
	if err != nil {
		return err
	}
	nonce, about := make([]byte, gcm.NonceSize()), []byte("about it")
	sealed := gcm.Seal(nil, nonce, []byte("some text"), about)
	text, err := gcm.Open(nil, nonce, sealed, about)
	if err != nil || string(text) != "some text" {
		return fmt.Errorf("GCM: %q, %w", text, err)
	}
	sealed[0] ^= 1
	if _, err := gcm.Open(nil, nonce, sealed, about); err == nil {
		return errors.New("GCM: a change goes unnoticed")
	}
	cbc, err := key.NewCBC(crypto11.PaddingPKCS)
	if err != nil {
		return err
	}
	sealed = cbc.Seal(nil, make([]byte, 16), []byte("some text"), nil)
	if text, err = cbc.Open(nil, make([]byte, 16), sealed, nil); err != nil || string(text) != "some text" {
		return fmt.Errorf("CBC: %q, %w", text, err)
	}
	return crypto11Blocks(key)
}

// crypto11Blocks uses CBC bit by bit, each as long as was put in.
func crypto11Blocks(key *crypto11.SecretKey) error {
	encrypter, err := key.NewCBCEncrypterCloser(make([]byte, 16))
	if err != nil {
		return err
	}
	blocks := bytes.Repeat([]byte("sixteen bytes..."), 8)
	encrypted := make([]byte, len(blocks))
	encrypter.CryptBlocks(encrypted[:32], blocks[:32])
	encrypter.CryptBlocks(encrypted[32:], blocks[32:])
	encrypter.Close()
	decrypter, err := key.NewCBCDecrypterCloser(make([]byte, 16))
	if err != nil {
		return err
	}
	decrypter.CryptBlocks(encrypted, encrypted)
	decrypter.Close()
	if !bytes.Equal(encrypted, blocks) {
		return errors.New("blocks differ")
	}
	return nil
}

func crypto11HMAC(ctx *crypto11.Context) error {
	if _, err := ctx.GenerateSecretKeyWithLabel([]byte("id3"), []byte("hmac"), 256, crypto11.CipherGeneric); err != nil {
		return err
	}
	key, err := ctx.FindKey([]byte("id3"), nil)
	if err != nil || key == nil {
		return fmt.Errorf("find: %v, %w", key, err)
	}
	for _, text := range []string{"", "some text"} {
		var sums [2][]byte
		for i := range sums {
			h, err := key.NewHMAC(pkcs11.CKM_SHA256_HMAC, 0)
			if err != nil {
				return err
			}
			if _, err := io.WriteString(h, text); err != nil {
				return err
			}
			sums[i] = h.Sum(nil)
		}
		if len(sums[0]) != sha256.Size || !bytes.Equal(sums[0], sums[1]) {
			return fmt.Errorf("sums of %q: %x", text, sums)
		}
	}
	return nil
}

func crypto11Random(ctx *crypto11.Context) error {
	reader, err := ctx.NewRandomReader()
	if err != nil {
		return err
	}
	b := make([]byte, 1000)
	if _, err := io.ReadFull(reader, b); err != nil {
		return err
	}
	if bytes.Count(b, []byte{0}) > 100 {
		return errors.New("not random")
	}
	return nil
}

func crypto11Certificate(ctx *crypto11.Context) error {
	key, err := ctx.FindKeyPair([]byte("id1"), nil)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7),
		Subject:      pkix.Name{CommonName: "test"},
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	if err := ctx.ImportCertificateWithLabel([]byte("id1"), []byte("cert"), certificate); err != nil {
		return err
	}
	found, err := ctx.FindCertificate(nil, []byte("cert"), nil)
	if err != nil || found == nil || !found.Equal(certificate) {
		return fmt.Errorf("find: %v, %w", found, err)
	}
	if found, err = ctx.FindCertificate(nil, nil, big.NewInt(7)); err != nil || found == nil {
		return fmt.Errorf("find by serial number: %v, %w", found, err)
	}
	pairs, err := ctx.FindAllPairedCertificates()
	if err != nil || len(pairs) != 1 {
		return fmt.Errorf("%d pairs, %w", len(pairs), err)
	}
	return ctx.DeleteCertificate(nil, []byte("cert"), nil)
}

func crypto11Threads(ctx *crypto11.Context) error {
	key, err := ctx.FindKeyPair([]byte("id1"), nil)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	faults := make([]error, 16)
	for i := range faults {
		all.Go(func() {
			for range 20 {
				if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
					faults[i] = err
				}
			}
		})
	}
	all.Wait()
	return errors.Join(faults...)
}

func crypto11Missing(ctx *crypto11.Context) error {
	pair, err := ctx.FindKeyPair([]byte("no such"), nil)
	if err != nil || pair != nil {
		return fmt.Errorf("pair: %v, %w", pair, err)
	}
	keys, err := ctx.FindAllKeys()
	if err != nil || len(keys) != 2 {
		return fmt.Errorf("%d keys, %w", len(keys), err)
	}
	for _, key := range keys {
		if err := key.Delete(); err != nil {
			return err
		}
	}
	return nil
}
