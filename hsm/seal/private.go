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
// most bytes of it. It is in the home, and no symbolic link.
func readPrivate(path string, most int) (*secret.Bytes, error) {
	return readOpened(path, most, private.Me(path), func() (*os.File, error) {
		return private.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	})
}

// readNamed is readPrivate for a file that is named in home, or by the caller if that is
// empty, and may be anywhere, and a symbolic link.
func readNamed(home, path string, most int) (*secret.Bytes, error) {
	if home == "" {
		home = path
	}
	return readOpened(path, most, private.Me(home), func() (*os.File, error) {
		return private.OpenFor(home, path, os.O_RDONLY|syscall.O_NONBLOCK)
	})
}

// readOpened reads the file that open opens, which has to be user me's alone.
func readOpened(path string, most, me int, open func() (*os.File, error)) (*secret.Bytes, error) {
	f, err := open()
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
	switch err := private.FileOf(f, me); {
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
	f, err := private.CreateTemp(dir, newPrefix+"*")
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		private.Remove(f.Name())
		return "", fmt.Errorf("seal: %w", err)
	}
	return f.Name(), nil
}

// publish gives a whole file its name, unless there is one of that name, durably. A
// link does that at once, where a rename would take the place of another key.
func publish(whole, path string) error {
	err := private.Link(whole, path)
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
