package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"coffer": main})
}

// TestScripts runs testdata/*.txt. Each has a home of its own, the PINs in
// user.pin and so.pin, and a configuration that makes a guess
// of a PIN or passphrase cheap. COFFER_UPDATE_GOLDEN=1 rewrites the help texts.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("COFFER_UPDATE_GOLDEN") != "",
		Setup:               setUpScript,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":    exitCode,
			"cmpjson": compareJSON,
			"flip":    flipByte,
			"agekey":  newAgeKey,
		},
	})
}

func setUpScript(e *testscript.Env) error {
	e.Setenv("COFFER_HOME", filepath.Join(e.WorkDir, "home"))
	versions, err := filepath.Abs("../../hsm/testdata")
	if err != nil {
		return err
	}
	e.Setenv("OLD_HOMES", versions)
	e.Setenv("COFFER_CONF", filepath.Join(e.WorkDir, "fast.toml"))
	for name, text := range map[string]string{
		"user.pin":  "right user\n",
		"so.pin":    "right so\n",
		"wrong.pin": "wrong\n",
		"fast.toml": "[pin]\ndelay = 0\nargon2-passes = 1\nargon2-memory-kib = 64\n[seal]\nargon2-passes = 1\nargon2-memory-kib = 64\n",
	} {
		if err := os.WriteFile(filepath.Join(e.WorkDir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return addCustodians(e)
}

// addCustodians gives a script two people with age identities: ALICE and BOB are their
// recipients, alice.key and bob.key their files.
func addCustodians(e *testscript.Env) error {
	for _, name := range []string{"alice", "bob"} {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			return err
		}
		e.Setenv(strings.ToUpper(name), id.Recipient().String())
		if err := os.WriteFile(filepath.Join(e.WorkDir, name+".key"), []byte(id.String()+"\n"), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// exitCode is "code N COMMAND...": the command must end with exit code N.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command...")
	}
	script := `"$@"; [ $? -eq ` + args[0] + ` ] || { echo "exit code is not ` + args[0] + `"; exit 1; }`
	ts.Check(ts.Exec("sh", append([]string{"-c", script, "sh"}, args[1:]...)...))
}

// compareJSON is "cmpjson FILE": what was printed last is the JSON of FILE. A
// "*" in the file stands for any value.
func compareJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: cmpjson file")
	}
	var got, want any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &got))
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &want))
	if !matchJSON(got, want) {
		ts.Fatalf("JSON differs from %s:\n%s", args[0], ts.ReadFile("stdout"))
	}
}

func matchJSON(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok || len(got) != len(want) {
			return false
		}
		for k, w := range want {
			if g, ok := got[k]; !ok || !matchJSON(g, w) {
				return false
			}
		}
		return true
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			return false
		}
		for i, w := range want {
			if !matchJSON(got[i], w) {
				return false
			}
		}
		return true
	}
	return want == "*" || reflect.DeepEqual(got, want)
}

// flipByte is "flip FILE": it changes the last byte of a file that is not zero.
func flipByte(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flip file")
	}
	name := ts.MkAbs(args[0])
	b, err := os.ReadFile(name)
	ts.Check(err)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != 0 {
			b[i] ^= 1
			ts.Check(os.WriteFile(name, b, 0o600))
			return
		}
	}
	ts.Fatalf("%s has nothing to change", name)
}

// newAgeKey is "agekey FILE": it writes an age identity to FILE, and sets RECIPIENT to
// its recipient.
func newAgeKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: agekey file")
	}
	i, err := age.GenerateX25519Identity()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(i.String()+"\n"), 0o600))
	ts.Setenv("RECIPIENT", i.Recipient().String())
}
