package keywrap

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"errors"

	"github.com/coffer-hsm/coffer/fips"
)

// selfTest covers both directions of both algorithms (IG 10.3.A: an authenticated
// encryption and its decryption), and that a changed input is refused. The
// answers are those of RFC 3394 section 4.1 and RFC 5649 section 6.
var selfTest = fips.CAST("AES-KW", func() error {
	for _, kat := range []struct {
		key, plain, wrapped string
		pad                 bool
	}{
		{
			key:     "000102030405060708090a0b0c0d0e0f",
			plain:   "00112233445566778899aabbccddeeff",
			wrapped: "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5",
		},
		{
			key:     "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
			plain:   "c37b7e6492584340bed12207808941155068f738",
			wrapped: "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
			pad:     true,
		},
	} {
		if err := knownAnswer(kat.key, kat.plain, kat.wrapped, kat.pad); err != nil {
			return err
		}
	}
	return nil
})

func knownAnswer(key, plain, wrapped string, pad bool) error {
	decode := func(s string) []byte { b, _ := hex.DecodeString(s); return b }
	block, err := aes.NewCipher(decode(key))
	if err != nil {
		return err
	}
	forward := func(b []byte) ([]byte, error) { return wrap(block, nil, b) }
	back := func(b []byte) ([]byte, error) { return unwrap(block, nil, b) }
	if pad {
		forward = func(b []byte) ([]byte, error) { return wrapPad(block, nil, b) }
		back = func(b []byte) ([]byte, error) { return unwrapPad(block, nil, b) }
	}
	got, err := forward(decode(plain))
	if err != nil || !bytes.Equal(got, decode(wrapped)) {
		return errors.New("wrong answer wrapping")
	}
	got, err = back(decode(wrapped))
	if err != nil || !bytes.Equal(got, decode(plain)) {
		return errors.New("wrong answer unwrapping")
	}
	changed := decode(wrapped)
	changed[0] ^= 1
	if _, err := back(changed); err != ErrIntegrity {
		return errors.New("a changed input was accepted")
	}
	return nil
}
