package testvectors

import (
	"encoding/json"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/pkcs11/rig"
	"github.com/coffer-hsm/coffer/testvectors/p11"
)

// TestModes runs some tests of each file, but all with COFFER_SOAK, in each mode: in a
// process of its own, since a mode is for life.
func TestModes(t *testing.T) {
	if foreign {
		return
	}
	if inMode != nil {
		runInMode(t)
		return
	}
	for i := range modes {
		m := &modes[i]
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestModes$", "-test.v")
			cmd.Env = append(os.Environ(), "GODEBUG="+m.godebug, modeVariable+"="+m.name)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "right in mode "+m.name+":") {
				t.Fatalf("%v\n%s", err, out)
			}
			_, told, _ := strings.Cut(string(out), "right in mode "+m.name+":")
			told, _, _ = strings.Cut(told, "\n")
			t.Log(told)
		})
	}
}

// runInMode runs all files, holds what was refused to the mode, and says that it is over.
func runInMode(t *testing.T) {
	t.Run("paths", pathsInMode)
	for name, run := range map[string]func(*testing.T){"Wycheproof": TestWycheproof, "CAVP": TestCAVP, "ACVP": TestACVP} {
		t.Run(name, run)
	}
	for m, r := range inMode.refuses {
		answered, refused := overall.answered[m], overall.byMode[m]
		if r.all && answered > 0 || !r.all && refused > 0 && answered == 0 {
			t.Errorf("%v has answered %d times and was refused %d times", m, answered, refused)
		}
	}
	refusals := overall.reasons[refusedByMode]
	if (refusals > 0) != (inMode.refuses != nil) {
		t.Errorf("%d tests were refused", refusals)
	}
	if !t.Failed() {
		t.Logf("right in mode %s: %d tests, %d refused", inMode.name, overall.counts[passed], refusals)
	}
}

func TestRefused(t *testing.T) {
	m := &mode{refuses: enforced}
	short := handle{short: true}
	for _, tt := range []struct {
		mode *mode
		mech ck.MechanismType
		key  handle
		err  error
		want bool
	}{
		{m, ck.CKM_RSA_PKCS, handle{}, ck.CKR_MECHANISM_INVALID, true},
		{m, ck.CKM_RSA_PKCS, short, ck.CKR_KEY_SIZE_RANGE, true},
		{m, ck.CKM_RSA_PKCS, handle{}, ck.CKR_DEVICE_ERROR, false},
		{m, ck.CKM_RSA_PKCS, handle{}, nil, false},
		{m, ck.CKM_SHA_1, handle{}, errNotListed, true},
		{m, ck.CKM_SHA_1, short, ck.CKR_KEY_SIZE_RANGE, false},
		{m, ck.CKM_SHA256, handle{}, errNotListed, false},
		{m, ck.CKM_SHA256_HMAC, short, ck.CKR_KEY_SIZE_RANGE, true},
		{m, ck.CKM_SHA256_HMAC, handle{}, ck.CKR_KEY_SIZE_RANGE, false},
		{m, ck.CKM_RSA_PKCS, handle{}, ck.CKR_KEY_SIZE_RANGE, false},
		{m, ck.CKM_SHA256_RSA_PKCS_PSS, handle{}, ck.CKR_MECHANISM_PARAM_INVALID, true},
		{m, ck.CKM_SHA256_RSA_PKCS_PSS, handle{}, ck.CKR_SIGNATURE_INVALID, false},
		{m, ck.CKM_AES_CMAC, short, ck.CKR_KEY_SIZE_RANGE, false},
		{&modes[0], ck.CKM_RSA_PKCS, handle{}, ck.CKR_MECHANISM_INVALID, false},
		{nil, ck.CKM_RSA_PKCS, handle{}, ck.CKR_MECHANISM_INVALID, false},
	} {
		if got := tt.mode.refused(tt.mech, tt.key, tt.err); got != tt.want {
			t.Errorf("%v, %v: %v", tt.mech, tt.err, got)
		}
	}
}

func TestTooShort(t *testing.T) {
	rsa := func(bits int, e ...byte) p11.Template {
		return p11.RSAPublic(new(big.Int).Lsh(big.NewInt(1), uint(bits)-1).Bytes(), e)
	}
	for name, tt := range map[string]struct {
		key  p11.Template
		want bool
	}{
		"104 bits":            {p11.Secret(ck.CKK_GENERIC_SECRET, make([]byte, 13)), true},
		"112 bits":            {p11.Secret(ck.CKK_GENERIC_SECRET, make([]byte, 14)), false},
		"no bits":             {p11.Deriving(ck.CKK_HKDF, nil), true},
		"RSA of 2048 bits":    {rsa(2048, 1, 0, 1), false},
		"of 2047":             {rsa(2047, 1, 0, 1), true},
		"of 2049":             {rsa(2049, 1, 0, 1), true},
		"a small exponent":    {rsa(3072, 0xff, 0xff), true},
		"zeros before it":     {rsa(3072, 0, 0, 3), true},
		"no RSA, nor secrets": {p11.ECPublic(ck.CKK_EC, []byte{1}, []byte{4}), false},
		"a scalar":            {p11.ECPrivate(ck.CKK_EC, ck.CKA_DERIVE, []byte{1}, []byte{4}), false},
	} {
		if got := tooShort(tt.key); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// pathsInMode: what does AES and RSA is the Go Cryptographic Module unless the configuration
// says otherwise, and then what does it in the usual mode.
func pathsInMode(t *testing.T) {
	type crypto struct {
		Approved bool   `json:"approved_mode"`
		AES      string `json:"aes"`
		RSA      string `json:"rsa"`
	}
	status := func(godebug string) (s struct{ Crypto crypto }) {
		cmd := exec.Command(filepath.Join("..", "build", rig.Tool), "status", "--json")
		cmd.Env = append(os.Environ(), "GODEBUG="+godebug)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &s); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return s
	}
	want := crypto{true, "portable", "portable"}
	if inMode.accelerated && inMode.godebug == "fips140=on" {
		want = status("").Crypto
		want.Approved = true
	}
	if got := status(inMode.godebug).Crypto; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
