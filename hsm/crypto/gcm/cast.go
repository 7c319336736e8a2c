package gcm

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"

	"github.com/coffer-hsm/coffer/fips"
)

// selfTest compares with the standard library's GCM, for which the Go
// Cryptographic Module has a known answer (IG 10.3.A): encryption in parts, a cut
// tag in both directions, and that a wrong one is refused.
var selfTest = fips.CAST("AES-GCM", func() error {
	block, err := aes.NewCipher([]byte("0123456789abcdef"))
	if err != nil {
		return err
	}
	aad, plain := []byte("associated"), bytes.Repeat([]byte("a message that is long enough for bulk "), 3)
	full, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	iv := []byte("twelve bytes")
	want := full.Seal(nil, iv, plain, aad)
	e, err := newEncrypter(block, iv, aad, TagSize)
	if err != nil {
		return err
	}
	got := make([]byte, len(plain))
	e.Encrypt(got[:7], plain[:7]) // one block by our own GHASH, then several by bulk
	e.Encrypt(got[7:], plain[7:])
	if !bytes.Equal(append(got, e.Tag()...), want) {
		return errors.New("wrong answer encrypting in parts")
	}
	short := &truncated{full, 8}
	cut := short.Seal(nil, iv, plain, aad)
	if !bytes.Equal(cut, want[:len(plain)+8]) {
		return errors.New("wrong answer with a cut tag")
	}
	if back, err := short.Open(nil, iv, cut, aad); err != nil || !bytes.Equal(back, plain) {
		return errors.New("wrong answer decrypting")
	}
	cut[len(cut)-1] ^= 1
	if _, err := short.Open(nil, iv, cut, aad); err == nil {
		return errors.New("a wrong tag was accepted")
	}
	return nil
})
