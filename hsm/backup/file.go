package backup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/coffer-hsm/coffer/hsm/store"
)

// partSuffix marks a file that is not complete.
const partSuffix = ".part"

// WriteFile makes a file of mode 600 at path out of what write writes, complete and
// synced, or none: fs.ErrExist if there is one.
func WriteFile(path string, write func(io.Writer) error) error {
	if err := Vacant(path); err != nil {
		return err
	}
	part := path + partSuffix
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		os.Remove(part)
		return err
	}
	return store.SyncDir(filepath.Dir(path))
}

// Vacant reports whether there is nothing at path: fs.ErrExist.
func Vacant(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w: nothing was changed", path, fs.ErrExist)
	}
	return nil
}
