package abitest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/pkcs11/rig"
)

// childVariable, set to a parameter string, makes this test binary call C_Initialize
// with it, say what came of it, and end.
const childVariable = "ABITEST_PARAMETERS"

// initializeOnly is what the child does. It needs no token, only a library that
// nobody has initialised.
func initializeOnly(parameters string) {
	lib, err := Load(built(rig.Front))
	if err != nil {
		fmt.Println(err)
		return
	}
	m := &Memory{}
	args := m.Ulongs(0, 0, 0, 0, uintptr(ck.CKF_OS_LOCKING_OK), 0)
	if parameters != "" {
		args.Set(5, Address(m.Copy([]byte(parameters+"\x00"))))
	}
	fmt.Println(lib.Call("C_Initialize", Address(args)))
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// made is a home with a root key.
func made(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "home")
	if _, err := hsm.Init(hsm.Config{Home: dir}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// sealed is a home whose root key opens with a passphrase only, unlocked or not.
func sealed(t *testing.T, unlocked bool) string {
	t.Helper()
	c := hsm.Config{Home: filepath.Join(t.TempDir(), "home")}
	with, err := seal.NewPassphrase(secret.From([]byte("correct horse")), seal.Stretching{Argon2id: seal.KDF{Time: 1, Memory: 64, Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hsm.InitSealed(c, "ops", with); err != nil {
		t.Fatal(err)
	}
	s, err := hsm.OpenSeals(c)
	if err != nil {
		t.Fatal(err)
	}
	if unlocked {
		t.Cleanup(func() { s.Lock() })
		if _, err := s.Unlock("ops", with.Key, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	return c.Home
}

// TestInitializeCodes tells the causes apart by the code alone, and by the text
// that COFFER_DEBUG shows, which names the file.
func TestInitializeCodes(t *testing.T) {
	good, foreign, open, damaged := made(t), made(t), made(t), made(t)
	key, err := os.ReadFile(filepath.Join(good, "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(foreign, "root.key"), string(key))
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(damaged, "coffer.home"), "something else\n")
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "file"), "x")
	blanks := filepath.Join(dir, "with blank")
	conf := write(t, filepath.Join(dir, "bad.toml"), "[pin]\nmisspelt = 1\n")

	for _, c := range []struct {
		name, home, conf, parameters string
		rv                           ck.RV
		says                         string
	}{
		{name: "a home", home: good, rv: ck.CKR_OK},
		{name: "no home yet", home: filepath.Join(dir, "none"), rv: ck.CKR_OK},
		{name: "the parameter wins", home: file, parameters: "home=" + good, rv: ck.CKR_OK},
		{name: "quotes", home: file, parameters: `home="` + blanks + `"`, rv: ck.CKR_OK},
		{name: "unknown parameter", home: good, parameters: "hom=" + good, rv: ck.CKR_ARGUMENTS_BAD, says: `"hom"`},
		{name: "no such configuration", home: good, conf: filepath.Join(dir, "none.toml"), rv: ck.CKR_ARGUMENTS_BAD, says: "none.toml"},
		{name: "bad configuration", home: good, conf: conf, rv: ck.CKR_ARGUMENTS_BAD, says: conf},
		{name: "bad configuration by parameter", home: good, parameters: "conf=" + conf, rv: ck.CKR_ARGUMENTS_BAD, says: conf},
		{name: "home is open to others", home: open, rv: ck.CKR_FUNCTION_FAILED, says: open},
		{name: "wrong root key", home: foreign, rv: ck.CKR_GENERAL_ERROR, says: filepath.Join(foreign, "root.key")},
		{name: "sealed and unlocked", home: sealed(t, true), rv: ck.CKR_OK},
		{name: "sealed and locked", home: sealed(t, false), rv: ck.CKR_FUNCTION_FAILED, says: "unlock it: coffer seal unlock"},
		{name: "sealed, by what", home: sealed(t, false), rv: ck.CKR_FUNCTION_FAILED, says: "sealed copy ops (passphrase)"},
		{name: "a damaged home", home: damaged, rv: ck.CKR_FUNCTION_FAILED, says: filepath.Join(damaged, "coffer.home")},
	} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"="+c.parameters, "COFFER_HOME="+c.home, "COFFER_CONF="+c.conf, "COFFER_DEBUG=1")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if got := strings.TrimSpace(string(out)); err != nil || got != c.rv.String() {
			t.Errorf("%s: %s, %v; want %v", c.name, got, err, c.rv)
		}
		if !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%s: the text does not name %s: %q", c.name, c.says, stderr.String())
		}
	}
}
