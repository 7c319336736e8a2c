package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/seal/tpm"
)

// The exit codes, as the help of coffer tells them.
const (
	exitDone = iota
	exitFailed
	exitUsage
	exitWrongPIN
	exitLocked
)

// advised is an error with what to do about it and the exit code it ends in.
type advised struct {
	error
	hint string
	code int
}

func (e *advised) Unwrap() error { return e.error }

// hintf makes an error that ends in exitFailed.
func hintf(hint, format string, args ...any) error {
	return &advised{fmt.Errorf(format, args...), hint, exitFailed}
}

// usageError makes an error about the command line of c.
func usageError(c *cobra.Command, format string, args ...any) error {
	return &advised{fmt.Errorf(format, args...), "see " + c.CommandPath() + " --help", exitUsage}
}

// flagError is usageError for what the flag parser finds. Whoever tries to give
// a PIN as an argument is told why there is no such flag.
func flagError(c *cobra.Command, err error) error {
	text := err.Error()
	if text == "unknown flag: --pin" || text == "unknown flag: --so-pin" {
		return &advised{errors.New("a PIN is never an argument: others could read it in the process list"),
			"use --pin-file or --so-pin-file, COFFER_PIN or COFFER_SO_PIN, or wait to be asked", exitUsage}
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return usageError(c, "--%s: %q is not %s", invalid.GetFlag().Name, invalid.GetValue(), kindOfFlag(invalid.GetFlag()))
	}
	return usageError(c, "%w", err)
}

// flagKinds are what flags take, by the type that the parser knows them by.
var flagKinds = map[string]string{
	"bool": "true or false", "duration": "a time such as 30m or 8h", "float64": "a number", "int": "a whole number",
	"int64": "a whole number", "intSlice": "a list of whole numbers", "uintSlice": "a list of whole numbers",
}

func kindOfFlag(f *pflag.Flag) string {
	if kind, ok := flagKinds[f.Value.Type()]; ok {
		return kind
	}
	return "what it takes"
}

// pinAdvice is what to tell a person for the codes that PINs fail with. %s in a
// text stands for the name of the PIN.
var pinAdvice = map[ck.RV]advised{
	ck.CKR_PIN_INCORRECT: {errors.New("wrong %s"),
		"wrong tries are counted, and after too many the PIN is locked: coffer partition show", exitWrongPIN},
	ck.CKR_PIN_LOCKED:               {errors.New("the %s is locked after too many wrong tries"), "", exitLocked},
	ck.CKR_USER_PIN_NOT_INITIALIZED: {errors.New("the %s has not been set yet"), "", exitFailed},
}

// pinHints says who unlocks or sets a PIN, where that depends on whose it is.
var pinHints = map[ck.UserType]map[ck.RV]string{
	ck.CKU_USER: {
		ck.CKR_PIN_LOCKED:               "the security officer unlocks it: coffer user unlock",
		ck.CKR_USER_PIN_NOT_INITIALIZED: "the security officer sets it: coffer user unlock --new-pin",
	},
	ck.CKU_SO: {
		ck.CKR_PIN_LOCKED:               recoverHint,
		ck.CKR_USER_PIN_NOT_INITIALIZED: recoverHint,
	},
}

const recoverHint = "who has the user PIN can set a new one: coffer partition recover-so"

var pinNames = map[ck.UserType]string{ck.CKU_USER: "user PIN", ck.CKU_SO: "SO PIN"}

// pinError explains why the PIN of user did not open partition s.
func pinError(err error, s api.Slot, user ck.UserType) error {
	return pinErrorOf(err, s.Partition.Info().Label, user)
}

// pinErrorOf is pinError for a partition that is not open.
func pinErrorOf(err error, label string, user ck.UserType) error {
	advice, ok := pinAdvice[ck.Code(err)]
	if ck.Code(err) == ck.CKR_PIN_LOCKED && err != ck.CKR_PIN_LOCKED { // only for a while, and it says how long
		return &advised{fmt.Errorf("partition %s: %w", quote(label), err), "wait, and be sure of the PIN", exitLocked}
	}
	if !ok {
		return fmt.Errorf("partition %s: %w", quote(label), err)
	}
	if advice.hint == "" {
		advice.hint = pinHints[user][ck.Code(err)]
	}
	text := strings.Replace(advice.Error(), "%s", pinNames[user], 1)
	advice.error = fmt.Errorf("partition %s: %s", quote(label), text)
	return &advice
}

// report prints err, if there is one, and returns the exit code.
func (t *tool) report(err error) int {
	if err == nil {
		return exitDone
	}
	fmt.Fprintf(t.err, "coffer: %s\n", oneLine(err.Error()))
	a := adviceFor(err)
	if a.hint != "" {
		fmt.Fprintf(t.err, "coffer: hint: %s\n", a.hint)
	}
	return a.code
}

// adviceFor finds the advice that err carries, or some for errors of the system.
func adviceFor(err error) *advised {
	var a *advised
	switch {
	case isFull(err):
		return &advised{err, fullHint(err), exitFailed}
	case errors.Is(err, syscall.EROFS):
		return &advised{err, "a home is used only where it can be written; a backup restores into another: coffer backup restore", exitFailed}
	case errors.As(err, &a):
		return a
	case findAdvice(err) != nil:
		return findAdvice(err)
	case errors.Is(err, fs.ErrPermission):
		return &advised{err, "work as the user who owns the home, or name another home in COFFER_HOME", exitFailed}
	}
	return &advised{error: err, code: exitFailed}
}

// furtherAdvice is for errors of other packages that several commands end in.
var furtherAdvice = []advised{
	{hsm.ErrNoHome, "make one: coffer init; or name another home in COFFER_HOME", exitFailed},
	{seal.ErrSlotMissing, "those there are: coffer seal status", exitFailed},
	{seal.ErrSlotName, "", exitUsage},
	{tpm.ErrParams, "", exitUsage},
}

func findAdvice(err error) *advised {
	for _, a := range furtherAdvice {
		if errors.Is(err, a.error) {
			return &advised{err, a.hint, a.code}
		}
	}
	return nil
}

// isFull reports whether a file system has no room left, or none for this user.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// fullHint says where room is wanted, and that nothing is lost.
func fullHint(err error) string {
	where := "that is full"
	var path *fs.PathError
	if errors.As(err, &path) {
		where = "of " + sentence(path.Path)
	}
	return "make room on the file system " + where + " and run it again; what was there before is whole"
}

// oneLine keeps an error that was put together elsewhere on its line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
