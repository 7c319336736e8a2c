package testvectors

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/coffer-hsm/coffer/pkcs11/rig"
	"github.com/coffer-hsm/coffer/testvectors/p11"
)

var (
	// token is what all tests of this package use.
	token *p11.Token
	// foreign is that it belongs to another module than ours.
	foreign = os.Getenv("COFFER_TEST_MODULE") != ""
)

// cheap makes a guess at a PIN cost nothing worth measuring: nobody guesses here.
const cheap = "[pin]\nargon2-passes = 1\nargon2-memory-kib = 64\n"

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	home, err := os.MkdirTemp("", "coffer-testvectors-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(home)
	config := other()
	if !foreign {
		if config, err = ours(home); err != nil {
			return 0, err
		}
	}
	if token, err = p11.Open(config); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, token.Close()) }()
	return m.Run(), nil
}

// other is the module that the environment names.
func other() p11.Config {
	return p11.Config{
		Module:     os.Getenv("COFFER_TEST_MODULE"),
		Parameters: os.Getenv("COFFER_TEST_PARAMETERS"),
		Label:      os.Getenv("COFFER_TEST_TOKEN"),
		PIN:        os.Getenv("COFFER_TEST_PIN"),
		SOPIN:      os.Getenv("COFFER_TEST_SO_PIN"),
	}
}

// ours is the library of build/, made anew if it is older than its sources, with
// an empty home.
func ours(home string) (p11.Config, error) {
	build, err := rig.Build("..", "front", "core", "tool")
	if err != nil {
		return p11.Config{}, err
	}
	conf := cheap
	if inMode != nil && inMode.accelerated {
		conf += "[fips]\naccelerated = true\n"
	}
	if err := os.WriteFile(filepath.Join(home, "coffer.toml"), []byte(conf), 0o600); err != nil {
		return p11.Config{}, err
	}
	if err := errors.Join(os.Setenv("COFFER_HOME", home), os.Unsetenv("COFFER_CONF")); err != nil {
		return p11.Config{}, err
	}
	return p11.Config{
		Module: filepath.Join(build, rig.Front),
		Label:  "vectors", PIN: "123456", SOPIN: "12345678",
	}, nil
}

// TestLibrary has the go command see which library the outcomes are of.
func TestLibrary(t *testing.T) {
	if foreign {
		return
	}
	if err := rig.Depend(filepath.Join("..", "build"), rig.Front, rig.Core); err != nil {
		t.Error(err)
	}
}
