package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/coffer-hsm/coffer/bench/drive"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// What lies beside the tool.
const (
	benchDriver  = "coffer-bench"
	benchLibrary = "libcoffer-pkcs11.so"
)

// benchPIN is that of a token that nobody keeps a key in, and that is gone soon.
const benchPIN = "coffer bench"

// benchTarget is what the driver is started on.
type benchTarget struct {
	driver, module string
	arguments      []string
	home           string // that is thrown away; empty if the module is not ours
}

// benchTarget finds the driver and the module.
func (t *tool) benchTarget(o benchOptions) (*benchTarget, error) {
	tool, err := os.Executable()
	if err != nil {
		return nil, err
	}
	folder := filepath.Dir(tool)
	b := &benchTarget{driver: filepath.Join(folder, benchDriver), module: o.module}
	if _, err := os.Stat(b.driver); err != nil {
		return nil, hintf("make build puts it there", "%s, which measures, is not beside this tool: %w", benchDriver, err)
	}
	if o.module != "" {
		b.arguments = []string{"-ask"}
		if o.token != "" {
			b.arguments = append(b.arguments, "-token", o.token)
		}
		if o.parameters != "" {
			b.arguments = append(b.arguments, "-parameters", o.parameters)
		}
		if o.slot >= 0 {
			b.arguments = append(b.arguments, "-slot", strconv.Itoa(o.slot))
		}
		return b, nil
	}
	b.module = filepath.Join(folder, benchLibrary)
	if _, err := os.Stat(b.module); err != nil {
		return nil, hintf("make build puts it there, and --module measures another one", "the library is not beside this tool: %w", err)
	}
	b.arguments = []string{"-init", "-pin", benchPIN}
	b.home, err = os.MkdirTemp("", "coffer-bench-")
	return b, err
}

// remove throws the home away.
func (b *benchTarget) remove() error {
	if b.home == "" {
		return nil
	}
	return os.RemoveAll(b.home)
}

// start starts the driver. It ends with ctx.
func (b *benchTarget) start(ctx context.Context, t *tool) (*drive.Driver, error) {
	path, err := filepath.Abs(b.module)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(b.module, "/") {
		path = b.module // as the system finds libraries by name
	}
	command := exec.CommandContext(ctx, b.driver, append(slices.Clone(b.arguments), path)...)
	command.Env = os.Environ()
	if b.home != "" {
		command.Env = append(command.Env, "COFFER_HOME="+b.home, "COFFER_CONF=")
	}
	var said bytes.Buffer
	command.Stderr = &said
	var pin *secret.Bytes
	d, err := drive.Start(command, func() (_ []byte, err error) {
		pin, err = t.user.read(t, "User PIN of the token")
		return pin.Expose(), err
	})
	pin.Zero()
	if err != nil {
		return nil, b.explain(err, said.String())
	}
	return d, nil
}

// explain says why the driver did not come to measure. said is what it, or the
// module, had to say on standard error.
func (b *benchTarget) explain(err error, said string) error {
	var failure *drive.Failure
	if !errors.As(err, &failure) {
		return err
	}
	switch rv := ck.RV(failure.Code); {
	case failure.Call == "dlopen":
		return fmt.Errorf("module %s: %s", quote(b.module), sentence(strings.TrimPrefix(oneLine(said), "driver: ")))
	case failure.Call == "no such token", rv == ck.CKR_SLOT_ID_INVALID, rv == ck.CKR_TOKEN_NOT_PRESENT:
		return hintf("pkcs11-tool --module MODULE --list-token-slots lists them", "module %s: %s", quote(b.module), benchFailure(failure))
	case rv == ck.CKR_PIN_INCORRECT:
		return &advised{fmt.Errorf("module %s: wrong user PIN", quote(b.module)), "the token may count wrong tries", exitWrongPIN}
	case rv == ck.CKR_PIN_LOCKED:
		return &advised{fmt.Errorf("module %s: the user PIN is locked", quote(b.module)), "", exitLocked}
	}
	return fmt.Errorf("module %s: %s", quote(b.module), benchFailure(failure))
}
