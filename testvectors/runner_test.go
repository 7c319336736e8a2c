package testvectors

import (
	"errors"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/p11"
	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

func TestJudge(t *testing.T) {
	right, wrong := []byte{1, 2}, []byte{1, 3}
	refused := error(ck.CKR_ENCRYPTED_DATA_INVALID)
	for _, tt := range []struct {
		name     string
		expected wycheproof.Result
		got      []byte
		err      error
		ok       bool
	}{
		{"valid", wycheproof.Valid, right, nil, true},
		{"valid, wrong", wycheproof.Valid, wrong, nil, false},
		{"valid, short", wycheproof.Valid, right[:1], nil, false},
		{"valid, refused", wycheproof.Valid, nil, refused, false},
		{"invalid, refused", wycheproof.Invalid, nil, refused, true},
		{"invalid, accepted", wycheproof.Invalid, right, nil, false},
		{"invalid, wrong", wycheproof.Invalid, wrong, nil, false},
		{"invalid, broken down", wycheproof.Invalid, nil, ck.CKR_GENERAL_ERROR, false},
		{"invalid, no code", wycheproof.Invalid, nil, errNotListed, false},
		{"acceptable", wycheproof.Acceptable, right, nil, true},
		{"acceptable, wrong", wycheproof.Acceptable, wrong, nil, false},
		{"acceptable, refused", wycheproof.Acceptable, nil, refused, true},
		{"acceptable, broken down", wycheproof.Acceptable, nil, ck.CKR_FUNCTION_FAILED, false},
	} {
		if message := judge(tt.expected, right, tt.got, tt.err); (message == "") != tt.ok {
			t.Errorf("%s: %q", tt.name, message)
		}
	}
}

// TestCheckCounts puts trials of its own making to the runner.
func TestCheckCounts(t *testing.T) {
	valid := &wycheproof.Case{Result: wycheproof.Valid}
	good := trial{"good", ck.CKM_SHA256, ck.CKF_DIGEST, nil, func(p11.Key) ([]byte, error) { return nil, nil }}
	bad := good
	bad.do = func(p11.Key) ([]byte, error) { return []byte{0}, nil }
	missing := good
	missing.mech = ck.CKM_VENDOR_DEFINED
	noKey := handle{err: ck.CKR_KEY_SIZE_RANGE}
	for _, tt := range []struct {
		name    string
		foreign bool
		key     handle
		trials  []trial
		want    string
	}{
		{"all right", false, handle{}, []trial{good, good}, "1 0 0"},
		{"one wrong", false, handle{}, []trial{good, bad}, "0 0 1"},
		{"no trial", false, handle{}, nil, "0 1 0"},
		{"not listed", false, handle{}, []trial{good, missing}, "0 0 1"},
		{"not listed elsewhere", true, handle{}, []trial{good, missing}, "1 0 0"},
		{"none listed elsewhere", true, handle{}, []trial{missing}, "0 1 0"},
		{"no key", false, noKey, []trial{good}, "0 0 1"},
		{"no key elsewhere", true, noKey, []trial{good}, "0 1 0"},
	} {
		r := &runner{token: token, foreign: tt.foreign}
		r.check(valid, tt.key, tt.trials...)
		if got := counts(&r.tally); got != tt.want {
			t.Errorf("%s: passed, not applicable, wrong are %s, not %s", tt.name, got, tt.want)
		}
	}
}

func TestUnreachable(t *testing.T) {
	for result, want := range map[wycheproof.Result]string{
		wycheproof.Valid: "0 0 1", wycheproof.Invalid: "0 1 0", wycheproof.Acceptable: "0 1 0",
	} {
		r := &runner{}
		r.unreachable(&wycheproof.Case{Result: result}, "no form")
		if got := counts(&r.tally); got != want {
			t.Errorf("%s: %s, not %s", result, got, want)
		}
	}
}

func TestRefusal(t *testing.T) {
	for _, err := range []error{ck.CKR_SIGNATURE_INVALID, errOtherCurve, errors.Join(ck.CKR_DATA_LEN_RANGE, nil)} {
		if !refusal(err) {
			t.Errorf("%v is none", err)
		}
	}
	for _, err := range []error{ck.CKR_GENERAL_ERROR, ck.CKR_OPERATION_ACTIVE, errNotListed} {
		if refusal(err) {
			t.Errorf("%v is one", err)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	g := &wycheproof.Group{SHA: "SHA-256", Curve: "none", Tests: make([]wycheproof.Case, 3)}
	for name, run := range map[string]func(*runner, *wycheproof.Group){
		"mac": mac, "ecdsa": ecdsaDER, "ed25519": ed25519, "agreement": agreement(formatASN),
	} {
		r := &runner{file: &wycheproof.File{Algorithm: "none"}}
		run(r, g)
		if r.tally.Wrong == 0 || r.tally.Passed > 0 {
			t.Errorf("%s: %s", name, strings.TrimSpace(r.tally.Row()))
		}
	}
}
