package clienttest

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/coffer-hsm/coffer/pkcs11/rig"
)

// The PINs of every token here.
const (
	soPIN   = "87654321"
	userPIN = "123456"
)

// coffer gives the environment of an empty home in folder, where a guess of a PIN
// is cheap.
func coffer(folder string) (env []string, err error) {
	build, err := built()
	if err != nil {
		return nil, err
	}
	home := filepath.Join(folder, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, err
	}
	cheap := "[pin]\ndelay = 0\nargon2-passes = 1\nargon2-memory-kib = 8\n"
	if err := os.WriteFile(filepath.Join(home, "coffer.toml"), []byte(cheap), 0o600); err != nil {
		return nil, err
	}
	return []string{
		"COFFER_HOME=" + home,
		"BUILD=" + build,
		"MODULE=" + filepath.Join(build, rig.Front),
	}, nil
}

// softHSM2 is coffer for SoftHSM2.
func softHSM2(folder string) (env []string, err error) {
	tokens, config := filepath.Join(folder, "tokens"), filepath.Join(folder, "softhsm2.conf")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		return nil, err
	}
	text := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", tokens)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return []string{"SOFTHSM2_CONF=" + config, "MODULE=/usr/lib/softhsm/libsofthsm2.so"}, nil
}

// initialise are the arguments with which pkcs11-tool makes the token that the
// tests use, in the blank slot.
func initialise(module string) [][]string {
	return [][]string{
		{"--module", module, "--init-token", "--slot-index", "0", "--label", "test", "--so-pin", soPIN},
		{"--module", module, "--token-label", "test", "--login", "--login-type", "so", "--so-pin", soPIN, "--init-pin", "--pin", userPIN},
	}
}
