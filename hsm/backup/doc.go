// Package backup writes partitions into one encrypted file, proves that such a file
// would restore, and restores it: into another home, or beside what there is. Files can
// be increments, which hold what changed since another file. FORMAT.md beside it has
// every byte.
//
// What seals it is age or, in approved mode and where it is asked for, package approved.
//
// It is for the tool: it brings age along, which the PKCS #11 library does without.
package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"filippo.io/age"

	"github.com/coffer-hsm/coffer/hsm/backup/approved"
)

// What can be wrong with a backup. What this package returns wraps one of these and
// names the file.
var (
	// ErrForeign: it is another file.
	ErrForeign = errors.New("not a backup of this program")
	// ErrNewer: a newer version of this program wrote it.
	ErrNewer = errors.New("written by a newer version of Coffer: use that version")
	// ErrDamaged: it was cut off or changed.
	ErrDamaged = errors.New("damaged: it was cut off or changed")
	// ErrKey: a passphrase or identity does not open it.
	ErrKey = errors.New("is not opened by this passphrase or identity, or its beginning is damaged")
	// ErrNotApproved: approved mode has no age.
	ErrNotApproved = errors.New("sealed by age, whose algorithms are not approved")
	// ErrIncrement: the first file of a chain goes on from another.
	ErrIncrement = errors.New("an increment: name the backups that it goes on from before it, the full one first")
	// ErrOrder: the file that it goes on from is there, but not before it.
	ErrOrder = errors.New("out of order: name the backups in the order in which they were made")
	// ErrLink: the file that it goes on from is not there.
	ErrLink = errors.New("does not go on from the file before it: another backup is missing between them")
	// ErrBusy: another process writes a backup of the same name.
	ErrBusy = errors.New("another process is writing this backup")
	// ErrNone: a partition that was asked for is not in it.
	ErrNone = errors.New("no such partition in it")
)

// fileError is what is wrong with a file, which it names once.
type fileError struct {
	name  string
	kind  error // one of the errors above, or what wraps one
	cause error // what showed it; may be nil
}

func (e *fileError) Error() string {
	if e.cause == nil {
		return e.name + ": " + e.kind.Error()
	}
	return e.name + ": " + e.kind.Error() + ": " + causeText(e.cause)
}

func (e *fileError) Unwrap() []error {
	if e.cause == nil {
		return []error{e.kind}
	}
	return []error{e.kind, e.cause}
}

// causeText is a cause for people.
func causeText(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends too early"
	case errors.As(err, &syntax), errors.As(err, &kind):
		return errContents.Error()
	}
	return strings.TrimPrefix(err.Error(), approved.ErrDamaged.Error()+": ")
}

var errContents = errors.New("its contents are not those of a backup")

// damage says what is wrong with a file that is damaged. Errors of the system, and
// those that say more, stay what they are.
func damage(name string, err error) error {
	var system *fs.PathError
	var file *fileError
	switch {
	case errors.As(err, &file), errors.As(err, &system) && system.Path == name:
		return err
	case system != nil:
		return fmt.Errorf("%s: %w", name, err)
	case isNamed(err):
		return &fileError{name: name, kind: err}
	}
	return &fileError{name, ErrDamaged, err}
}

func isNamed(err error) bool {
	for _, known := range []error{ErrForeign, ErrNewer, ErrDamaged, ErrKey, ErrNotApproved} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// openError tells a wrong key from a damaged file.
func openError(name string, err error) error {
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) || errors.Is(err, age.ErrIncorrectIdentity) || errors.Is(err, approved.ErrKey) {
		return &fileError{name: name, kind: ErrKey}
	}
	return damage(name, err)
}
