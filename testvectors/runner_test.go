package testvectors

import (
	"errors"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/p11"
	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

func TestJudge(t *testing.T) {
	right, other := []byte{1, 2}, []byte{1, 3}
	invalid := error(ck.CKR_ENCRYPTED_DATA_INVALID)
	for _, tt := range []struct {
		name     string
		expected wycheproof.Result
		got      []byte
		err      error
		verdict  verdict
	}{
		{"valid", wycheproof.Valid, right, nil, passed},
		{"valid, wrong", wycheproof.Valid, other, nil, wrong},
		{"valid, short", wycheproof.Valid, right[:1], nil, wrong},
		{"valid, refused", wycheproof.Valid, nil, invalid, refused},
		{"invalid, refused", wycheproof.Invalid, nil, invalid, passed},
		{"invalid, accepted", wycheproof.Invalid, right, nil, wrong},
		{"invalid, wrong", wycheproof.Invalid, other, nil, wrong},
		{"invalid, broken down", wycheproof.Invalid, nil, ck.CKR_GENERAL_ERROR, oddCode},
		{"invalid, no code", wycheproof.Invalid, nil, errNotListed, oddCode},
		{"acceptable", wycheproof.Acceptable, right, nil, passed},
		{"acceptable, wrong", wycheproof.Acceptable, other, nil, wrong},
		{"acceptable, refused", wycheproof.Acceptable, nil, invalid, passed},
		{"acceptable, broken down", wycheproof.Acceptable, nil, ck.CKR_FUNCTION_FAILED, oddCode},
	} {
		if v, message := judge(tt.expected, right, tt.got, tt.err); v != tt.verdict || (message == "") != (v == passed) {
			t.Errorf("%s: %d, %q", tt.name, v, message)
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
		{"all right", false, handle{}, []trial{good, good}, "1 0 0 0 0"},
		{"one wrong", false, handle{}, []trial{good, bad}, "0 0 0 0 1"},
		{"no trial", false, handle{}, nil, "0 1 0 0 0"},
		{"not listed", false, handle{}, []trial{good, missing}, "0 0 0 1 0"},
		{"not listed elsewhere", true, handle{}, []trial{good, missing}, "1 0 0 0 0"},
		{"none listed elsewhere", true, handle{}, []trial{missing}, "0 1 0 0 0"},
		{"no key", false, noKey, []trial{good}, "0 0 0 1 0"},
		{"no key elsewhere", true, noKey, []trial{good}, "0 1 0 0 0"},
	} {
		r := &runner{token: token, foreign: tt.foreign}
		r.check(valid, tt.key, tt.trials...)
		if got := counts(&r.tally); got != tt.want {
			t.Errorf("%s: the counts are %s, not %s", tt.name, got, tt.want)
		}
	}
}

func TestUnreachable(t *testing.T) {
	for result, want := range map[wycheproof.Result]string{
		wycheproof.Valid: "0 0 0 0 1", wycheproof.Invalid: "0 1 0 0 0", wycheproof.Acceptable: "0 1 0 0 0",
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
	g := &wycheproof.Group{SHA: "SHA-0", Curve: "none", Tests: make([]wycheproof.Case, 3)}
	for name, run := range map[string]func(*runner, *wycheproof.Group){
		"mac": mac, "ecdsa": ecdsaDER, "PKCS #1": rsaPKCS1Verify, "ed25519": ed25519, "agreement": agreement(formatASN),
		"OAEP": rsaOAEP, "PSS": rsaPSS,
	} {
		r := &runner{file: &wycheproof.File{Algorithm: "none"}}
		run(r, g)
		if r.tally.counts[wrong] == 0 || r.tally.counts[passed] > 0 {
			t.Errorf("%s: %s", name, r.tally.row())
		}
	}
}
