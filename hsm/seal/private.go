package seal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// readPrivate reads a file that nobody but its owner, who we are, can read: at most
// most bytes of it. Only a file that somebody named, which need not be in the home, may be
// a symbolic link.
func readPrivate(path string, most int, named bool) (*secret.Bytes, error) {
	flag := os.O_RDONLY | syscall.O_NONBLOCK
	if !named {
		flag |= syscall.O_NOFOLLOW
	}
	f, err := os.OpenFile(path, flag, 0)
	switch {
	case errors.Is(err, syscall.ELOOP):
		return nil, keyFileError(path, ErrKeyFileLink)
	case errors.Is(err, fs.ErrNotExist):
		return nil, keyFileError(path, ErrKeyFileMissing)
	case errors.Is(err, fs.ErrPermission):
		return nil, keyFileError(path, ErrKeyFilePermission)
	case err != nil:
		return nil, fmt.Errorf("seal: %w", err)
	}
	defer f.Close()
	switch err := private.File(f); {
	case errors.Is(err, private.ErrKind):
		return nil, keyFileError(path, ErrKeyFileForeign)
	case errors.Is(err, private.ErrOthers):
		return nil, fmt.Errorf("seal: %s: %w: %w", path, ErrKeyFilePermission, err)
	case err != nil:
		return nil, fmt.Errorf("seal: %w", err)
	}
	return readSome(f, most)
}

// readSome reads at most most bytes.
func readSome(f *os.File, most int) (*secret.Bytes, error) {
	text := secret.New(most)
	n, err := io.ReadFull(f, text.Expose())
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		text.Zero()
		return nil, fmt.Errorf("seal: %w", err)
	}
	defer text.Zero()
	return secret.From(text.Expose()[:n]), nil
}

// newPrefix begins the names of files that are being made; package hsm sweeps them up.
const newPrefix = ".new-"

// stage writes text to a new file in dir, mode 600, and returns its name when it is
// on the disk. The caller removes it, or gives it its real name.
func stage(dir string, text []byte) (string, error) {
	f, err := os.CreateTemp(dir, newPrefix+"*")
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(f.Name())
		return "", fmt.Errorf("seal: %w", err)
	}
	return f.Name(), nil
}

// publish gives a whole file its name, unless there is one of that name, durably. A
// link does that at once, where a rename would take the place of another key.
func publish(whole, path string) error {
	err := os.Link(whole, path)
	if errors.Is(err, fs.ErrExist) {
		return keyFileError(path, ErrKeyFileExists)
	}
	if err == nil {
		err = private.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}
