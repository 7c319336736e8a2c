package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// lastHead is the offset of the newer head of a data file.
func lastHead(data []byte) int {
	if binary.NativeEndian.Uint64(data[metaTx:]) > binary.NativeEndian.Uint64(data[4096+metaTx:]) {
		return 0
	}
	return 4096
}

// What is damaged but can be read is found, the store is not opened, and Rebuild makes
// it whole with all that was in it and keeps the old file.
func TestRebuild(t *testing.T) {
	for what, spoil := range map[string]func(data []byte){
		"the older head": func(data []byte) { data[4096-lastHead(data)+metaSum] ^= 1 },
		"a page in use that is listed as free": func(data []byte) {
			list := binary.NativeEndian.Uint64(data[lastHead(data)+metaList:]) * 4096
			root := binary.NativeEndian.Uint64(data[lastHead(data)+metaRoot:])
			binary.NativeEndian.PutUint16(data[list+10:], 1)
			binary.NativeEndian.PutUint64(data[list+pageHeader:], root)
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir, data, all := filled(t)
			if found := Examine(dir, Options{}, func(Tx) error { return nil }); len(found) != 0 {
				t.Fatalf("a sound store: %v", found)
			}
			path := filepath.Join(dir, dataName)
			broken := bytes.Clone(data)
			spoil(broken)
			if err := os.WriteFile(path, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := OpenFile(dir, Options{}); !errors.Is(err, ErrDamaged) {
				t.Fatalf("opened: %v", err)
			}
			read := false
			found := Examine(dir, Options{}, func(Tx) error { read = true; return nil })
			if len(found) != 1 || !found[0].Rebuilds || !errors.Is(found[0].Err, ErrDamaged) || !read {
				t.Fatalf("found %v, read %t", found, read)
			}
			aside := filepath.Join(t.TempDir(), "aside")
			if err := Rebuild(dir, Options{}, aside); err != nil {
				t.Fatal(err)
			}
			if kept, err := os.ReadFile(aside); err != nil || !bytes.Equal(kept, broken) {
				t.Errorf("the old file is not kept: %v", err)
			}
			if now, _ := content(t, reopen(t, dir)); !maps.Equal(now, all) {
				t.Error("it does not hold what it held")
			}
			if found := Examine(dir, Options{}, func(Tx) error { return nil }); len(found) != 0 {
				t.Errorf("rebuilt: %v", found)
			}
		})
	}
}

// What cannot be read is found, and not rebuilt.
func TestExamineLost(t *testing.T) {
	dir, data, _ := filled(t)
	path := filepath.Join(dir, dataName)
	root := binary.NativeEndian.Uint64(data[lastHead(data)+metaRoot:]) * 4096
	data[root+8] ^= 0x40 // what kind of page it is
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	found := Examine(dir, Options{}, func(Tx) error { t.Error("read"); return nil })
	if len(found) != 1 || found[0].Rebuilds || !errors.Is(found[0].Err, ErrDamaged) {
		t.Errorf("found %v", found)
	}
	if err := Rebuild(dir, Options{}, path+".aside"); !errors.Is(err, ErrDamaged) {
		t.Errorf("rebuilt: %v", err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, data) {
		t.Error("the file was changed")
	}
}
