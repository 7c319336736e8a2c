package aes

import (
	"bytes"
	"crypto/aes"
	"crypto/fips140"
	"crypto/subtle"
	"errors"

	"github.com/coffer-hsm/coffer/fips"
)

// selfTest covers both directions of the cipher, counter mode, XTS, and authenticated
// encryption and decryption (IG 10.3.A), by the fastest implementation, on messages
// long enough for each of its loops. Key, plaintext and answers are those of SP
// 800-38A, sections F.1.5 and F.5.5; the tags and the block of XTS, whose first tweak is
// that counter, were made with OpenSSL 3.0.
var selfTest = fips.CAST("AES", func() error {
	if fips140.Enforced() {
		return nil // nothing of this package is ever in use, see fips.MayAccelerate
	}
	key := fips.Unhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	return testModes(fastest().make(key, block))
})

var (
	castPlain   = fips.Unhex("6bc1bee22e409f96e93d7e117393172a")
	castCipher  = fips.Unhex("f3eed1bdb5d2a03c064b5a7e3db181f8")
	castCounter = fips.Unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
	castCTR     = fips.Unhex("601ec313775789a5b7a7f504bbf3d228")
	castXTS     = fips.Unhex("4de1e0abec4a10f6cf978b5dc8872264") // the last block
)

// castTags are those of the first bytes of a long message: of each number of registers
// that a short one takes, and of all.
var castTags = []struct {
	length int
	tag    []byte
}{
	{21, fips.Unhex("d7cfebde077859c6ed9d6a8527440cbd")},
	{85, fips.Unhex("8797a0b9617be9d631cef316322f8fe3")},
	{149, fips.Unhex("b9a93f169a4ebf57660104d590c87a2d")},
	{213, fips.Unhex("4a1450f111ffcf23a8ca1cf05ca311d5")},
	{1125, fips.Unhex("79484e82d7d91a804f92d29205fc2c2f")},
}

func testModes(m modes) error {
	const blocks = 70
	plain, sealed := bytes.Repeat(castPlain, blocks), bytes.Repeat(castCipher, blocks)
	got := make([]byte, len(plain))
	if m.ecb(false).CryptBlocks(got, plain); !bytes.Equal(got, sealed) {
		return errors.New("wrong answer encrypting blocks")
	}
	if m.ecb(true).CryptBlocks(got, sealed); !bytes.Equal(got, plain) {
		return errors.New("wrong answer decrypting blocks")
	}
	if err := testCBC(m, plain, sealed); err != nil {
		return err
	}
	counter := [blockSize]byte(castCounter)
	if m.ctr(&counter).XORKeyStream(got, plain); !bytes.Equal(got[:blockSize], castCTR) {
		return errors.New("wrong answer in counter mode")
	}
	if m.xts(counter, got, plain, false); !bytes.Equal(got[len(got)-blockSize:], castXTS) {
		return errors.New("wrong answer encrypting in XTS")
	}
	if m.xts(counter, got, got, true); !bytes.Equal(got, plain) {
		return errors.New("wrong answer decrypting in XTS")
	}
	plain = append(plain, castPlain[:5]...)
	for _, c := range castTags {
		if err := testGCM(m, plain[:c.length], c.tag); err != nil {
			return err
		}
	}
	return nil
}

// testCBC has a message whose blocks have the ciphertext before them added already, and an
// IV of 0, so that what comes out is that of ECB.
func testCBC(m modes, plain, sealed []byte) error {
	var iv [blockSize]byte
	chained, got := bytes.Clone(plain), make([]byte, len(plain))
	subtle.XORBytes(chained[blockSize:], chained[blockSize:], sealed)
	if m.cbc(&iv, false).CryptBlocks(got, chained); !bytes.Equal(got, sealed) {
		return errors.New("wrong answer encrypting in CBC mode")
	}
	if m.cbc(&iv, true).CryptBlocks(got, sealed); !bytes.Equal(got, chained) {
		return errors.New("wrong answer decrypting in CBC mode")
	}
	return nil
}

func testGCM(m modes, plain, want []byte) error {
	iv := castCounter[:12]
	aead, err := m.gcm(len(iv), 16)
	if err != nil {
		return err
	}
	sealed := aead.Seal(nil, iv, plain, castPlain)
	tag := sealed[len(plain):]
	if !bytes.Equal(tag, want) {
		return errors.New("wrong tag")
	}
	parts, err := m.gcmParts(iv, castPlain, 16)
	if err != nil {
		return err
	}
	if parts.Encrypt(make([]byte, len(plain)), plain); !bytes.Equal(parts.Tag(), want) {
		return errors.New("wrong tag in parts")
	}
	if back, err := aead.Open(nil, iv, sealed, castPlain); err != nil || !bytes.Equal(back, plain) {
		return errors.New("wrong answer opening")
	}
	tag[3] ^= 1
	if _, err := aead.Open(nil, iv, sealed, castPlain); err == nil {
		return errors.New("a wrong tag was accepted")
	}
	return nil
}
