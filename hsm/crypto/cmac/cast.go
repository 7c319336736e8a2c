package cmac

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"errors"

	"github.com/coffer-hsm/coffer/fips"
)

// selfTest covers generation (IG 10.3.A), with a whole and with a partial last
// block so that both subkeys are used. The answers are examples 2 and 3 for
// AES-128 of NIST's CMAC examples, also in RFC 4493 section 4.
var selfTest = fips.CAST("AES-CMAC", func() error {
	decode := func(s string) []byte { b, _ := hex.DecodeString(s); return b }
	block, err := aes.NewCipher(decode("2b7e151628aed2a6abf7158809cf4f3c"))
	if err != nil {
		return err
	}
	message := decode("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411")
	for size, want := range map[int]string{
		16: "070a16b46b4d4144f79bdd9dd04a287c",
		40: "dfa66747de9ae63030ca32611497c827",
	} {
		m, err := newMAC(block)
		if err != nil {
			return err
		}
		m.Write(message[:size])
		if !bytes.Equal(m.Sum(nil), decode(want)) {
			return errors.New("wrong answer")
		}
	}
	return nil
})
