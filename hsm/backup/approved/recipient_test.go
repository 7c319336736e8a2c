package approved

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// Keys that openssl makes are taken as they are.
func TestOpenSSL(t *testing.T) {
	dir := t.TempDir()
	private, public := filepath.Join(dir, "private.pem"), filepath.Join(dir, "public.pem")
	for _, args := range [][]string{
		{"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", private},
		{"pkey", "-in", private, "-pubout", "-out", public},
	} {
		if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	to, err := ParseRecipients(contents(t, public))
	if err != nil || len(to) != 1 {
		t.Fatal(to, err)
	}
	by, err := ParseIdentities(contents(t, private))
	if err != nil || len(by) != 1 {
		t.Fatal(by, err)
	}
	if got, err := opened(sealed(t, []byte("text"), to...), by...); err != nil || string(got) != "text" {
		t.Errorf("%q, %v", got, err)
	}
	both := slices.Concat([]byte("of Monday\n"), contents(t, public), []byte("\nof Tuesday\n"), contents(t, public))
	if to, err := ParseRecipients(both); err != nil || len(to) != 2 {
		t.Errorf("%d of two, %v", len(to), err)
	}
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Other keys are refused.
func TestOtherKeys(t *testing.T) {
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	edwards, edwardsPrivate, _ := ed25519.GenerateKey(rand.Reader)
	for name, text := range map[string][]byte{
		"P-384": publicPEM(t, p384.Public()), "P-224": publicPEM(t, p224.Public()), "Ed25519": publicPEM(t, edwards),
	} {
		if _, err := ParseRecipients(text); !errors.Is(err, ErrCurve) {
			t.Errorf("a public key, %s: %v", name, err)
		}
	}
	for name, text := range map[string][]byte{
		"P-384": privatePEM(t, p384), "P-224": privatePEM(t, p224), "Ed25519": privatePEM(t, edwardsPrivate),
	} {
		if _, err := ParseIdentities(text); !errors.Is(err, ErrCurve) {
			t.Errorf("a private key, %s: %v", name, err)
		}
	}
	public, private := publicPEM(t, p256.Public()), privatePEM(t, p256)
	for name, text := range map[string][]byte{
		"none": nil, "text": []byte("age1"), "a private key": private, "rubbish": pem.EncodeToMemory(&pem.Block{Type: pemPublic, Bytes: []byte{1}}),
		"a private key after it": append(public, private...),
	} {
		if _, err := ParseRecipients(text); err == nil {
			t.Errorf("a recipient that is %s", name)
		}
	}
	for name, text := range map[string][]byte{"none": nil, "a public key": public, "rubbish": pem.EncodeToMemory(&pem.Block{Type: pemPrivate})} {
		if _, err := ParseIdentities(text); err == nil {
			t.Errorf("an identity that is %s", name)
		}
	}
	if IsPEM([]byte("AGE-SECRET-KEY-1")) || !IsPEM(public) || !IsPEM(append([]byte("a note\n"), private...)) {
		t.Error("PEM is not told from other text")
	}
}
