// Package rig brings what is under test up to date, for the tests that load the
// libraries of build/ or run the tool that is there: other programs do it, so that the
// go command does not know of it.
package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// What the Makefile's targets front, core and tool leave in build/.
const (
	Front = "libcoffer-pkcs11.so"
	Core  = "libcoffer-core.so"
	Tool  = "coffer"
)

// Build makes targets of the Makefile in root, the project's folder, or finds that
// they are fresh, and returns the absolute path of build/. Tests of several packages
// may ask for it at the same time: they take turns. The error has what make said.
func Build(root string, targets ...string) (folder string, err error) {
	folder, err = filepath.Abs(filepath.Join(root, "build"))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	arguments := append([]string{filepath.Join(folder, ".lock"), "make", "-s", "-C", root}, targets...)
	if out, err := exec.Command("flock", arguments...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("make %s: %w\n%s", strings.Join(targets, " "), err, out)
	}
	return folder, nil
}

// Depend tells the go command that the outcome depends on files of folder that only
// other programs read, or it would take an old outcome from its cache. It looks at
// what a test does, not at what TestMain does before the tests: so a test is to call
// this. The error is that of a file that is not there.
func Depend(folder string, files ...string) error {
	for _, file := range files {
		if _, err := os.Stat(filepath.Join(folder, file)); err != nil {
			return err
		}
	}
	return nil
}
