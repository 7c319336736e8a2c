package pbes2

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// seal seals a key with openssl and returns it in both forms.
func seal(t *testing.T, args ...string) (plain, sealed []byte) {
	t.Helper()
	plain, err := exec.Command("openssl", "genpkey", "-algorithm", "ED25519", "-outform", "DER").Output()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("openssl", append(strings.Fields("pkcs8 -topk8 -inform DER -outform DER -passout pass:open"), args...)...)
	c.Stdin = bytes.NewReader(plain)
	if sealed, err = c.Output(); err != nil {
		t.Fatal(err)
	}
	return plain, sealed
}

func TestOpen(t *testing.T) {
	for _, args := range []string{
		"-v2 aes-128-cbc", "-v2 aes-192-cbc", "-v2 aes-256-cbc -iter 1", "-v2 des3",
		"-v2prf hmacWithSHA1", "-v2prf hmacWithSHA224", "-v2prf hmacWithSHA384", "-v2prf hmacWithSHA512",
		"-v2prf hmacWithSHA512-224", "-v2prf hmacWithSHA512-256",
		"-scrypt -scrypt_N 1024 -scrypt_r 4 -scrypt_p 2",
	} {
		plain, sealed := seal(t, strings.Fields(args)...)
		got, err := Open(sealed, []byte("open"))
		if err != nil || !bytes.Equal(got.Expose(), plain) {
			t.Errorf("%s: %v", args, err)
		}
		got.Zero()
		for n := range sealed {
			if _, err := Open(sealed[:n], []byte("open")); !errors.Is(err, ErrFormat) {
				t.Errorf("%s, %d bytes: %v", args, n, err)
			}
		}
	}
}

// TestWrongPassword: of many wrong ones most are noticed by the padding, and none opens.
func TestWrongPassword(t *testing.T) {
	plain, sealed := seal(t, "-iter", "1")
	noticed := 0
	for i := range 200 {
		got, err := Open(sealed, bytes.Repeat([]byte{'x'}, i))
		if bytes.Equal(got.Expose(), plain) {
			t.Fatal("a wrong password opens")
		}
		if errors.Is(err, ErrPassword) {
			noticed++
		}
		got.Zero()
	}
	if noticed < 190 {
		t.Errorf("%d of 200 wrong passwords noticed", noticed)
	}
}

// TestHostile: what would take all memory, or for ever, is refused at once.
func TestHostile(t *testing.T) {
	_, sealed := seal(t, "-iter", "65536")
	_, byScrypt := seal(t, "-scrypt")
	patch := func(b []byte, old, new string) []byte {
		o, _ := hex.DecodeString(old)
		n, _ := hex.DecodeString(new)
		if !bytes.Contains(b, o) {
			t.Fatalf("no %s in %x", old, b)
		}
		return bytes.Replace(b, o, n, 1)
	}
	for name, der := range map[string][]byte{
		"no iterations":       patch(sealed, "0203010000", "0203000000"),
		"negative iterations": patch(sealed, "0203010000", "0203ff0000"),
		"N":                   patch(byScrypt, "02024000", "02027fff"),
		"another algorithm":   patch(sealed, "2a864886f70d01050d", "2a864886f70d01050e"),
		"another KDF":         patch(sealed, "2a864886f70d01050c", "2a864886f70d01050f"),
		"another cipher":      patch(sealed, "60864801650304012a", "60864801650304012b"),
	} {
		if _, err := Open(der, []byte("open")); !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	huge := make([]byte, 0, 16)
	huge = append(huge, 0x30, 0x84, 0x7f, 0xff, 0xff, 0xff)
	if _, err := Open(huge, nil); !errors.Is(err, ErrFormat) {
		t.Errorf("a huge length: %v", err)
	}
}
