package ccm

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"errors"

	"github.com/coffer-hsm/coffer/fips"
)

// selfTest covers both directions (IG 10.3.A: an authenticated encryption and its
// decryption), and that a changed input is refused. The answer is example 3 of
// SP 800-38C appendix C.
var selfTest = fips.CAST("AES-CCM", func() error {
	decode := func(s string) []byte { b, _ := hex.DecodeString(s); return b }
	block, err := aes.NewCipher(decode("404142434445464748494a4b4c4d4e4f"))
	if err != nil {
		return err
	}
	nonce := decode("101112131415161718191a1b")
	aad := decode("000102030405060708090a0b0c0d0e0f10111213")
	plain := decode("202122232425262728292a2b2c2d2e2f3031323334353637")
	want := decode("e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951")
	a, err := newAEAD(block, len(nonce), 8)
	if err != nil {
		return err
	}
	if !bytes.Equal(a.Seal(nil, nonce, plain, aad), want) {
		return errors.New("wrong answer encrypting")
	}
	if back, err := a.Open(nil, nonce, want, aad); err != nil || !bytes.Equal(back, plain) {
		return errors.New("wrong answer decrypting")
	}
	want[0] ^= 1
	if _, err := a.Open(nil, nonce, want, aad); err == nil {
		return errors.New("a changed input was accepted")
	}
	return nil
})
