package slots_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
)

// cheapPINs is a configuration for tests that are not about the cost of a guess.
const cheapPINs = "[pin]\ndelay = 0\nargon2-passes = 1\nargon2-memory-kib = 64\n"

// openModule is the real module in a new home.
func openModule(t testing.TB) api.Module { return moduleAt(t, t.TempDir()) }

// moduleAt opens the real module in a home that may be in use already.
func moduleAt(t testing.TB, home string) api.Module {
	config := hsm.Config{Home: home}
	config.ConfigFile = filepath.Join(config.Home, "coffer.toml")
	if err := os.Chmod(config.Home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config.ConfigFile, []byte(cheapPINs), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := hsm.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
