package acvp

import (
	"slices"
	"strings"
	"testing"
)

const (
	samplePrompt = `[{"url": "x"}, {"algorithm": "A", "mode": "m", "testGroups": [
		{"tgId": 3, "testType": "AFT", "n": "0A", "tests": [{"tcId": 7, "key": "00ff", "len": 24}]},
		{"tgId": 4, "testType": "MCT", "tests": [{"tcId": 8, "o": {"salt": "01"}, "msg": "01", "len": 8}]}]}]`
	sampleAnswer = `[{"url": "x"}, {"algorithm": "A", "mode": "m", "testGroups": [
		{"tgId": 3, "tests": [{"tcId": 7, "testPassed": false}]},
		{"tgId": 4, "tests": [{"tcId": 8, "resultsArray": [{"md": "02"}, {"md": "03"}]}]}]}]`
)

func joined(t *testing.T, prompt, answer string) ([]*Case, error) {
	t.Helper()
	p, err := parse([]byte(prompt))
	if err != nil {
		t.Fatal(err)
	}
	a, err := parse([]byte(answer))
	if err != nil {
		t.Fatal(err)
	}
	return join("A/m", p, a)
}

func TestCases(t *testing.T) {
	cases, err := joined(t, samplePrompt, sampleAnswer)
	if err != nil || len(cases) != 2 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	first, second := cases[0], cases[1]
	if one := first.Steps(); len(one) != 1 || one[0] != first {
		t.Errorf("the first has %d steps", len(one))
	}
	if first.Where != "A m, group 3, test 7" || first.Passes() || first.Int("len") != 24 || first.Text("testType") != "AFT" {
		t.Errorf("the first: %+v", first)
	}
	if !slices.Equal(first.Bytes("key"), []byte{0, 0xff}) || first.Number("n").Int64() != 10 || first.Has("o") || first.Text("o") != "" {
		t.Errorf("the first: %+v", first)
	}
	steps := second.Steps()
	if len(steps) != 2 || steps[0].Bytes("msg")[0] != 1 || steps[1].Bytes("msg")[0] != 2 || steps[1].Bytes("md")[0] != 3 || steps[0].Has("len") || second.Object("o").Bytes("salt")[0] != 1 || !second.Passes() || second.Object("none").Has("salt") {
		t.Errorf("the second: %+v", second)
	}
}

func TestJoinRefuses(t *testing.T) {
	for _, tt := range []struct{ name, from, to, want string }{
		{"another algorithm", `"A"`, `"B"`, "answers are to B"},
		{"another mode", `"m"`, `"n"`, "answers are to A n"},
		{"another group", `"tgId": 4`, `"tgId": 5`, "answers are to group 5"},
		{"another test", `"tcId": 8`, `"tcId": 9`, "tcId is both 8 and 9"},
		{"a test too few", `{"tcId": 7, "testPassed": false}`, ``, "another number of tests"},
		{"another length", `"testPassed": false`, `"len": 16`, "len is both 24 and 16"},
	} {
		if _, err := joined(t, samplePrompt, strings.Replace(sampleAnswer, tt.from, tt.to, 1)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := joined(t, samplePrompt, `[]`); err == nil || !strings.Contains(err.Error(), "0 answers") {
		t.Errorf("no answers: %v", err)
	}
	if _, err := joined(t, `[]`, `[]`); err == nil || !strings.Contains(err.Error(), "no cases") {
		t.Errorf("nothing: %v", err)
	}
}

func TestKeys(t *testing.T) {
	keys, err := Keys()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%q", keys)
	for _, want := range []string{"ACVP-AES-GCM", "ECDSA/keyVer", "ECDSA/sigVer", "KDA/HKDF", "ML-KEM/keyGen", "ML-KEM-keyGen-FIPS203/keyGen"} {
		if !slices.Contains(keys, want) {
			t.Errorf("there is no %s", want)
		}
	}
	if sorted := slices.Sorted(slices.Values(keys)); len(slices.Compact(sorted)) != len(keys) {
		t.Errorf("a key comes twice in %q", keys)
	}
}

func TestMissing(t *testing.T) {
	if _, err := Load("ACVP-none"); err == nil || !strings.Contains(err.Error(), "no module has") {
		t.Errorf("an unknown name: %v", err)
	}
	if _, err := Load("ECDSA/none"); err == nil || !strings.Contains(err.Error(), "no cases") {
		t.Errorf("an unknown mode: %v", err)
	}
}

// TestDownloadRefuses: neither a module of other contents nor one that is not there.
func TestDownloadRefuses(t *testing.T) {
	s := &sources[0]
	if _, err := download(s.module+"@"+s.version, "h1:other"); err == nil || !strings.Contains(err.Error(), s.sum) {
		t.Errorf("another sum: %v", err)
	}
	if _, err := download("coffer.invalid/none@v1.0.0", s.sum); err == nil || !strings.Contains(err.Error(), "coffer.invalid") {
		t.Errorf("no such module: %v", err)
	}
}
