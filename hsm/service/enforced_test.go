// Approved mode is not there with purego: Go refuses to start.
//go:build !purego

package service

import (
	"crypto/fips140"
	"fmt"
	"math/big"
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
	refusedWithACode(t)
	fmt.Println("nothing panicked")
}

// refusedWithACode: what crypto/rsa and crypto/ecdh would refuse later is refused at the
// start, with a code that tells why.
func refusedWithACode(t *testing.T) {
	public := func(bits int) *Key {
		n := new(big.Int).SetBit(big.NewInt(1), bits-1, 1)
		return newKeyFrom(ck.Template{
			ck.Ulong(ck.CKA_CLASS, ck.CKO_PUBLIC_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_RSA),
			ck.Bytes(ck.CKA_MODULUS, n.Bytes()), ck.Bytes(ck.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
		})
	}
	pss := func(salt uint64) *ck.Mechanism {
		return &ck.Mechanism{Type: ck.CKM_RSA_PKCS_PSS, Param: &ck.RSAPSSParams{Hash: ck.CKM_SHA256, MGF: ck.CKG_MGF1_SHA256, SaltLen: salt}}
	}
	for _, tt := range []struct {
		name string
		use  *ck.Mechanism
		k    *Key
		want ck.RV
	}{
		{"a key of 2048 bits", &ck.Mechanism{Type: ck.CKM_SHA256_RSA_PKCS}, public(2048), ck.CKR_OK},
		{"a key of 1024 bits", &ck.Mechanism{Type: ck.CKM_SHA256_RSA_PKCS}, public(1024), ck.CKR_KEY_SIZE_RANGE},
		{"a key of 2049 bits", &ck.Mechanism{Type: ck.CKM_SHA256_RSA_PKCS}, public(2049), ck.CKR_KEY_SIZE_RANGE},
		{"DigestInfo", &ck.Mechanism{Type: ck.CKM_RSA_PKCS}, public(2048), ck.CKR_MECHANISM_INVALID},
		{"a salt as long as the hash", pss(32), public(2048), ck.CKR_OK},
		{"a longer salt", pss(33), public(2048), ck.CKR_MECHANISM_PARAM_INVALID},
		{"PSS with a key of 1024 bits", pss(32), public(1024), ck.CKR_KEY_SIZE_RANGE},
	} {
		m, _ := Lookup(tt.use.Type)
		_, err := m.Verify(tt.k, tt.use)
		expectCode(t, tt.name, err, tt.want)
	}
	m, _ := Lookup(ck.CKM_RSA_PKCS)
	_, err := m.Encrypt(public(2048), &ck.Mechanism{Type: ck.CKM_RSA_PKCS})
	expectCode(t, "encryption by PKCS #1 v1.5", err, ck.CKR_MECHANISM_INVALID)
	_, err = parseCurve(named(t, "X25519").Value)
	expectCode(t, "X25519", err, ck.CKR_CURVE_NOT_SUPPORTED)
	_, err = parseCurve(named(t, "Ed25519").Value)
	expectCode(t, "Ed25519", err, ck.CKR_OK)
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
