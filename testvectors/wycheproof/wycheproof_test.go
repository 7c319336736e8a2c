package wycheproof

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestLoadRefuses(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", ``, "unexpected end"},
		{"empty object", `{}`, "no tests"},
		{"no groups", `{"numberOfTests":0,"testGroups":[]}`, "no tests"},
		{"empty group", `{"numberOfTests":0,"testGroups":[{"tests":[]}]}`, "no tests"},
		{"fewer than announced", `{"numberOfTests":2,"testGroups":[{"tests":[{"tcId":1,"result":"valid"}]}]}`, "1 tests, 2 announced"},
		{"more than announced", `{"numberOfTests":0,"testGroups":[{"tests":[{"tcId":1,"result":"valid"}]}]}`, "1 tests, 0 announced"},
		{"no expectation", `{"numberOfTests":1,"testGroups":[{"tests":[{"tcId":7}]}]}`, "test 7 expects"},
		{"unknown expectation", `{"numberOfTests":1,"testGroups":[{"tests":[{"tcId":7,"result":"maybe"}]}]}`, `test 7 expects "maybe"`},
		{"odd hex", `{"numberOfTests":1,"testGroups":[{"tests":[{"tcId":1,"result":"valid","msg":"abc"}]}]}`, "hex"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(fstest.MapFS{"x.json": {Data: []byte(tt.text)}}, "x.json")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
	if _, err := load(fstest.MapFS{}, "x.json"); err == nil {
		t.Error("a file that is not there was loaded")
	}
}

func TestLoad(t *testing.T) {
	f, err := Load("aes_gcm_test.json")
	if err != nil {
		t.Fatal(err)
	}
	c := &f.Groups[0].Tests[0]
	if f.Algorithm != "AES-GCM" || len(c.Key) != 16 || len(c.Tag) != 16 || c.Result != Valid || !c.HasFlag("Ktv") || c.HasFlag("ktv") {
		t.Errorf("%s, first test %+v", f.Algorithm, c)
	}
}

func TestNames(t *testing.T) {
	names, err := Names()
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 300 {
		t.Errorf("%d files", len(names))
	}
}
