package service

import (
	"crypto/rand"
	"crypto/rsa"
	"os"
	"os/exec"
	"testing"

	"github.com/coffer-hsm/coffer/fips"
	"github.com/coffer-hsm/coffer/hsm/ck"
	rawrsa "github.com/coffer-hsm/coffer/hsm/crypto/rsa"
)

// brokenEnv names the self-test that a child process is to see fail.
const brokenEnv = "COFFER_SERVICE_TEST_BROKEN"

func TestSelfTestsPass(t *testing.T) {
	if os.Getenv(brokenEnv) != "" {
		return
	}
	if err := fips.RunAll(); err != nil {
		t.Error(err)
	}
	if err := Ready(); err != nil {
		t.Error(err)
	}
}

// TestSelfTestFailure makes each self-test fail in a process of its own, and
// looks whether service is refused.
func TestSelfTestFailure(t *testing.T) {
	if name := os.Getenv(brokenEnv); name != "" {
		checkRefusal(t, name)
		return
	}
	names := fips.Names()
	if len(names) < 3 {
		t.Errorf("self-tests: %v", names)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestSelfTestFailure$")
			cmd.Env = append(os.Environ(), brokenEnv+"="+name)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func checkRefusal(t *testing.T, name string) {
	if !fips.Break(name) {
		t.Fatalf("self-test %q cannot be broken", name)
	}
	if fips.RunAll() == nil {
		t.Error("RunAll is content")
	}
	if err := Ready(); ck.Code(err) != ck.CKR_FIPS_SELF_TEST_FAILED {
		t.Errorf("Ready: %v", err)
	}
	k := aesTestKey(t, 16)
	m := &ck.Mechanism{Type: ck.CKM_AES_CMAC}
	if _, err := mechanism(t, m.Type).Sign(k, m); ck.Code(err) != ck.CKR_FIPS_SELF_TEST_FAILED {
		t.Errorf("CMAC: %v", err)
	}
	m = &ck.Mechanism{Type: ck.CKM_AES_GCM, Param: &ck.GCMParams{IV: make([]byte, 12), TagBits: 64}}
	if _, err := mechanism(t, m.Type).Encrypt(k, m); ck.Code(err) != ck.CKR_FIPS_SELF_TEST_FAILED {
		t.Errorf("GCM with a short tag: %v", err)
	}
	_, _, err := mechanism(t, ck.CKM_RSA_PKCS_KEY_PAIR_GEN).GenerateKeyPair(nil, rsa2048Bits, nil)
	if rawrsa.Accelerated() && ck.Code(err) != ck.CKR_FIPS_SELF_TEST_FAILED {
		t.Errorf("RSA key generation: %v", err)
	}
	made, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	priv := newKeyFrom((&rsaPrivateKey{PrivateKey: made}).attributes())
	m = &ck.Mechanism{Type: ck.CKM_RSA_X_509}
	decrypt, err := mechanism(t, m.Type).Decrypt(priv, m)
	if err == nil {
		_, err = decrypt.OneShot(make([]byte, 512), make([]byte, 256))
	}
	if ck.Code(err) != ck.CKR_FIPS_SELF_TEST_FAILED {
		t.Errorf("RSA decryption: %v", err)
	}
	m = &ck.Mechanism{Type: ck.CKM_AES_KEY_WRAP}
	if _, err := mechanism(t, m.Type).Wrap(k, m, make([]byte, 64), make([]byte, 16)); ck.Code(err) != ck.CKR_FIPS_SELF_TEST_FAILED {
		t.Errorf("key wrap: %v", err)
	}
	if _, err := mechanism(t, m.Type).Unwrap(k, m, make([]byte, 24)); ck.Code(err) != ck.CKR_FIPS_SELF_TEST_FAILED {
		t.Errorf("key unwrap: %v", err)
	}
}
