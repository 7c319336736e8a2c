// Approved mode is not there with purego: Go refuses to start.
//go:build !purego

package service

import (
	"crypto/fips140"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Where the environment makes the Go Cryptographic Module enforce approved mode,
// what that refuses is refused here with a code, never by a panic in the host.
func TestEnforcedApprovedMode(t *testing.T) {
	if fips140.Enforced() {
		underEnforcement(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestEnforcedApprovedMode$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "nothing panicked") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func underEnforcement(t *testing.T) {
	if _, found := Lookup(ck.CKM_SHA_1); found {
		t.Error("SHA-1 is offered")
	}
	for _, info := range All() {
		m, _ := Lookup(info.Type)
		for _, size := range []int{1, 32} {
			useSecret(t, m, size)
		}
	}
	for _, kt := range []ck.KeyType{ck.CKK_GENERIC_SECRET, ck.CKK_SHA256_HMAC, ck.CKK_AES} {
		_, err := Complete(ck.CKO_SECRET_KEY, kt, ck.Template{ck.Bytes(ck.CKA_VALUE, make([]byte, 32))})
		expectCode(t, fmt.Sprint("a secret of type ", kt), err, ck.CKR_OK)
	}
	for _, test := range wipedUses {
		gen, _ := Lookup(test.generate)
		_, private, err := gen.GenerateKeyPair(&ck.Mechanism{Type: test.generate}, test.public, nil)
		expectCode(t, test.name, err, ck.CKR_OK)
		kt, _ := private.Ulong(ck.CKA_KEY_TYPE)
		for _, info := range All() {
			if m, _ := Lookup(info.Type); m.Accepts(ck.KeyType(kt)) {
				usePrivate(m, newKeyFrom(private))
			}
		}
	}
	fmt.Println("nothing panicked")
}

// useSecret digests, signs and derives with a secret of so many bytes.
func useSecret(t *testing.T, m *Mechanism, size int) {
	out := make([]byte, 64)
	k := newKeyFrom(ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET),
		ck.Bytes(ck.CKA_VALUE, make([]byte, size)),
	})
	use := &ck.Mechanism{Type: m.Type, Param: &ck.UlongParam{Value: 4}}
	if m.Param == ck.ParamHKDF {
		use.Param = &ck.HKDFParams{Extract: true, Expand: true, Hash: ck.CKM_SHA256, SaltType: ck.CKF_HKDF_SALT_NULL}
	}
	if m.Digest != nil {
		d, err := m.Digest(use)
		if err == nil {
			_, err = d.OneShot(out, []byte("data"))
		}
		expectCode(t, fmt.Sprint(m.Type), err, ck.CKR_OK)
	}
	if !m.Accepts(ck.CKK_GENERIC_SECRET) {
		return
	}
	if m.Sign != nil {
		want := ck.RV(ck.CKR_OK)
		if size < minApprovedMAC {
			want = ck.CKR_KEY_SIZE_RANGE
		}
		s, err := m.Sign(k, use)
		if err == nil {
			_, err = s.OneShot(out, []byte("data"))
		}
		expectCode(t, fmt.Sprintf("%v with %d bytes", m.Type, size), err, want)
	}
	if m.Derive != nil {
		_, _ = m.Derive(k, use, 4)
	}
}

// usePrivate signs with a private key, however that ends.
func usePrivate(m *Mechanism, k *Key) {
	if m.Sign == nil || m.Param == ck.ParamRSAPSS {
		return
	}
	for _, size := range []int{20, 32, 64} {
		s, err := m.Sign(k, &ck.Mechanism{Type: m.Type})
		if err == nil {
			_, _ = s.OneShot(make([]byte, 512), make([]byte, size))
		}
	}
}

func expectCode(t *testing.T, what string, err error, want ck.RV) {
	t.Helper()
	if ck.Code(err) != want {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}
