package pbes2

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"testing"
)

// TestVerifyMAC: a MAC that certutil 3.87 has made over the public exponent 65537 of
// object 0c1f6719, under the password "correct horse" and the salt of its database.
func TestVerifyMAC(t *testing.T) {
	der := unhex(t, "308181305D06092A864886F70D01050E3050304206092A864886F70D01050C30350420B893FD7171D3A259495B0C0C766921693C8C0507"+
		"F5CE589D98EED31BBA769FC502022710020120300A06082A864886F70D0209300A06082A864886F70D0209042002636CFC64F4386CACDE319061239EC"+
		"C584E7BD205E498F71B1537041A2C3CF7")
	password := sha1.Sum(append(unhex(t, "51C3079D051AC77060F7DACAFC4A64A4B6D08465"), "correct horse"...))
	address, value := unhex(t, "0c1f671900000122"), unhex(t, "010001")
	if err := VerifyMAC(der, password[:], address, value); err != nil {
		t.Errorf("as it was made: %v", err)
	}
	for what, err := range map[string]error{
		"another value":    VerifyMAC(der, password[:], address, []byte{3}),
		"another object":   VerifyMAC(der, password[:], unhex(t, "0c1f671a00000122"), value),
		"another password": VerifyMAC(der, []byte("x"), address, value),
		"cut MAC":          VerifyMAC(append(append([]byte{0x30, 0x81, 0x80}, der[3:len(der)-33]...), append([]byte{0x1f}, der[len(der)-32:len(der)-1]...)...), password[:], address, value),
	} {
		if !errors.Is(err, ErrMAC) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n := range der {
		if err := VerifyMAC(der[:n], password[:], address, value); !errors.Is(err, ErrFormat) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	other := bytes.Replace(der, unhex(t, "06082A864886F70D02090420"), unhex(t, "06082A864886F70D02630420"), 1)
	if err := VerifyMAC(other, password[:], address, value); !errors.Is(err, ErrUnsupported) {
		t.Errorf("another algorithm: %v", err)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
