package bench

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Root finds the project's folder: the working folder or the nearest above it
// that has go.mod and the driver.
func Root() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "bench", "driver", "main.c")); err == nil {
			return folder, nil
		}
		up := filepath.Dir(folder)
		if up == folder {
			return "", errors.New("bench: run it inside the project's folder")
		}
		folder = up
	}
}

// A backend is one of the driver's two forms.
type backend struct {
	name, sources string
	libraries     []string
}

var (
	token     = backend{name: "token", sources: "token*.c", libraries: []string{"-ldl"}}
	libcrypto = backend{name: "libcrypto", sources: "libcrypto.c", libraries: []string{"-lcrypto"}}
)

// build compiles the driver into folder and returns the program, which may be
// there from an earlier call.
func (b backend) build(root, folder string) (string, error) {
	program := filepath.Join(folder, b.name)
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	driver := filepath.Join(root, "bench", "driver")
	sources, err := filepath.Glob(filepath.Join(driver, b.sources))
	if err != nil {
		return "", err
	}
	arguments := []string{"-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Werror",
		"-I", filepath.Join(root, "pkcs11", "front"), "-o", program,
		filepath.Join(driver, "main.c"), filepath.Join(driver, "measure.c")}
	arguments = append(append(append(arguments, sources...), "-lpthread"), b.libraries...)
	if out, err := exec.Command("gcc", arguments...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("bench: the driver %s does not build: %w\n%s", b.name, err, out)
	}
	return program, nil
}
