package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/private"
)

// Slots is the directory, by its path, that holds the sealed copies of root keys:
// one folder for each root key, called by its fingerprint, and in it one file for
// each copy, called by its name. Who changes it holds the lock of the home.
type Slots string

// SlotEntry is a file of a folder: a Slot, or why it cannot be read.
type SlotEntry struct {
	Name string
	Slot *Slot // nil if there is an Err
	Err  error // names the file
}

const slotSuffix = ".seal"

func (d Slots) folder(root string) string { return filepath.Join(string(d), root) }

// Path is the file of a copy.
func (d Slots) Path(root, name string) string {
	return filepath.Join(d.folder(root), name+slotSuffix)
}

// Roots lists the fingerprints of the root keys that have a folder.
func (d Slots) Roots() ([]string, error) {
	entries, err := readDir(string(d))
	var roots []string
	for _, e := range entries {
		if isFingerprint(e.Name()) {
			roots = append(roots, e.Name())
		}
	}
	return roots, err
}

// List reads the copies of the root key with a fingerprint, by name. A directory
// that is not there is an empty one.
func (d Slots) List(root string) ([]SlotEntry, error) {
	files, err := readDir(d.folder(root))
	var list []SlotEntry
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), slotSuffix); ok && !strings.HasPrefix(name, ".") {
			s, err := d.Get(root, name)
			list = append(list, SlotEntry{name, s, err})
		}
	}
	return list, err
}

func readDir(dir string) ([]os.DirEntry, error) {
	if err := checkFolder(dir); err != nil {
		return nil, err
	}
	entries, err := private.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return entries, nil
}

// checkFolder refuses a directory that is a symbolic link: ErrKeyFileLink.
func checkFolder(dir string) error {
	if info, err := private.Lstat(dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("seal: %s: %w", dir, ErrKeyFileLink)
	}
	return nil
}

// Get reads a copy. The error names the file and wraps one of the ErrSlot errors or
// ErrKeyFilePermission.
func (d Slots) Get(root, name string) (*Slot, error) {
	path := d.Path(root, name)
	text, err := readPrivate(path, maxSlot+1)
	if errors.Is(err, ErrKeyFileMissing) {
		return nil, fmt.Errorf("seal: %s: %w", path, ErrSlotMissing)
	}
	if err != nil {
		return nil, err
	}
	defer text.Zero()
	s, err := parseSlot(text.Expose())
	if err == nil && (s.Name != name || s.Root != root) {
		err = ErrSlotMoved
	}
	if err != nil {
		return nil, fmt.Errorf("seal: %s: %w", path, err)
	}
	return s, nil
}

// Add writes a copy under a name that is free, and returns when it is on the disk:
// ErrSlotExists.
func (d Slots) Add(s *Slot) error {
	err := d.put(s, publish)
	if errors.Is(err, ErrKeyFileExists) {
		return fmt.Errorf("seal: %s: %w", d.Path(s.Root, s.Name), ErrSlotExists)
	}
	return err
}

// Replace writes a copy in the place of one of the same name, whatever it was. At any
// moment there is the one or the other.
func (d Slots) Replace(s *Slot) error {
	return d.put(s, func(whole, path string) error {
		err := private.Rename(whole, path)
		if err == nil {
			err = private.SyncDir(filepath.Dir(path))
		}
		return err
	})
}

func (d Slots) put(s *Slot, publish func(whole, path string) error) error {
	if err := d.makeFolder(s.Root); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	d.sweep(s.Root)
	whole, err := stage(d.folder(s.Root), s.format())
	if err != nil {
		return err
	}
	defer private.Remove(whole)
	return publish(whole, d.Path(s.Root, s.Name))
}

func (d Slots) makeFolder(root string) error {
	if err := checkFolder(d.folder(root)); err != nil {
		return err
	}
	if err := private.MkdirAll(d.folder(root)); err != nil {
		return err
	}
	return errors.Join(private.SyncDir(string(d)), private.SyncDir(filepath.Dir(string(d))))
}

// sweep removes what killed processes have left of writing a copy.
func (d Slots) sweep(root string) {
	left, _ := filepath.Glob(filepath.Join(d.folder(root), newPrefix+"*"))
	for _, path := range left {
		private.Remove(path)
	}
}

// Remove removes a copy: ErrSlotMissing. Whoever calls it has seen to it that there
// is another one.
func (d Slots) Remove(root, name string) error {
	err := private.Remove(d.Path(root, name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("seal: %s: %w", d.Path(root, name), ErrSlotMissing)
	}
	if err == nil {
		err = private.SyncDir(d.folder(root))
	}
	return err
}

// Drop removes every copy of the root key with a fingerprint, when another has taken
// its place.
func (d Slots) Drop(root string) error {
	if err := private.RemoveAll(d.folder(root)); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	err := private.SyncDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
