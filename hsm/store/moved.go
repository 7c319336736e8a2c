package store

import (
	"os"
	"path/filepath"
)

// Moved tells the programs that have a store open which is in dir by now, or is about to be
// deleted there, to look at it: they find that it is not where it was, and use nothing more
// of what they know of it. A dir without a lock file is left alone.
func Moved(dir string) {
	f, err := openPrivate(filepath.Join(dir, lockName), os.O_RDWR)
	if err != nil {
		return
	}
	defer f.Close()
	if p, err := mapPage(f); err == nil {
		p.touch()
	}
}
