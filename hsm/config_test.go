package hsm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/seal"
)

// The cost of a passphrase is the default, or that of the configuration, within bounds.
func TestStretching(t *testing.T) {
	standard := seal.DefaultStretching().Argon2id
	for text, want := range map[string]seal.KDF{
		"":                         standard,
		"[pin]\nargon2-passes = 1": standard,
		"[seal]\nargon2-passes = 5\nargon2-memory-kib = 64": {Time: 5, Memory: 64, Threads: standard.Threads},
	} {
		if got, err := configured(t, text).Stretching(); err != nil || got.Argon2id != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"[seal]\nargon2-passes = 65":                              "seal.argon2-passes is at most 64",
		"[seal]\nargon2-memory-kib = 7":                           "seal.argon2-memory-kib is 8 to 1048576",
		"[pin]\nargon2-passes = 65":                               "pin.argon2-passes is at most 64",
		"[seal]\nargon2-memory-mib = 64":                          "unknown key",
		"[seal]\nargon2-passes = 64\nargon2-memory-kib = 1000000": "seal.argon2-passes times seal.argon2-memory-kib",
	} {
		if _, err := configured(t, text).Stretching(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// configured is a Config with this configuration file, and no home yet.
func configured(t *testing.T, text string) Config {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "coffer.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Config{Home: filepath.Join(dir, "home"), ConfigFile: path}
}
