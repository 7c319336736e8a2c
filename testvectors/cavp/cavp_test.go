package cavp

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

const sample = `# a comment
[mod = 1024]
[ENCRYPT]

n = 0aFF
p = 1

Count = 0
Msg = 00
MD = abc
Result = F (3 - changed)

Msg = 01
# another
MD =
FAIL

[Alen = 3, Plen = 4]
Msg = 02

MD = 05
Result = Pass
`

func TestParse(t *testing.T) {
	f, err := parse("sample", "md", sample)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Cases) != 3 {
		t.Fatalf("%d cases", len(f.Cases))
	}
	first, second, third := f.Cases[0], f.Cases[1], f.Cases[2]
	if first.Where != "sample:8" || first.Section != "ENCRYPT" || first.Int("mod") != 1024 || first.Number("n").Int64() != 0xaff {
		t.Errorf("the first: %+v", first)
	}
	if !bytes.Equal(first.Bytes("md"), []byte{0x0a, 0xbc}) || first.Passes() || first.Has("n") {
		t.Errorf("the first: %+v", first)
	}
	if len(second.Bytes("md")) != 0 || second.Passes() || !bytes.Equal(second.Before("md"), first.Bytes("md")) || second.Has("result") || second.Has("count") || second.Text("count") != "0" || second.Text("alen") != "" {
		t.Errorf("the second: %+v", second)
	}
	if third.Text("msg") != "02" || third.Int("alen") != 3 || third.Int("plen") != 4 || len(third.Before("md")) != 0 || !third.Passes() {
		t.Errorf("the third: %+v", third)
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "no cases",
		"Msg = 1\n\nMsg = 2": "no cases",
		"MD = 1\nMD = 2":     "twice",
		"this is no field":   "not a field",
	} {
		if _, err := parse("sample", "md", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestMissing(t *testing.T) {
	if _, err := Load("ciphers/AES/none.rsp", "key"); err == nil || !strings.Contains(err.Error(), Package) {
		t.Errorf("Load: %v", err)
	}
	if _, err := Names("ciphers/AES/none*"); err == nil || !strings.Contains(err.Error(), Package) {
		t.Errorf("Names: %v", err)
	}
	names, err := Names("ciphers/AES/CBC/CBCMMT*.rsp")
	want := []string{"ciphers/AES/CBC/CBCMMT128.rsp", "ciphers/AES/CBC/CBCMMT192.rsp", "ciphers/AES/CBC/CBCMMT256.rsp"}
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("%q, %v", names, err)
	}
}
