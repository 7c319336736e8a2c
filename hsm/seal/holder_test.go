package seal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// inMemory is a directory in memory, as XDG_RUNTIME_DIR is.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "coffer-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// testRoot is a root key of its own for each test: the keyring is everybody's.
func testRoot(t *testing.T) *Root {
	r := GenerateRoot()
	t.Cleanup(func() { Release(Holders(""), fingerprintOf(t, r)) })
	return r
}

func TestHolders(t *testing.T) {
	for _, h := range Holders(inMemory(t)) {
		root := testRoot(t)
		print := fingerprintOf(t, root)
		if _, err := h.Get(print); !errors.Is(err, ErrNotHeld) {
			t.Fatalf("%s: %v", h.Name(), err)
		}
		if err := h.Drop(print); !errors.Is(err, ErrNotHeld) {
			t.Errorf("%s: dropped what is not there: %v", h.Name(), err)
		}
		for range 2 { // the second takes the place of the first
			if err := h.Hold(print, root.key, time.Hour); err != nil {
				t.Fatalf("%s: %v", h.Name(), err)
			}
		}
		key, err := h.Get(print)
		if err != nil || !bytes.Equal(key.Expose(), root.key.Expose()) {
			t.Fatalf("%s: %v", h.Name(), err)
		}
		if err := h.Drop(print); err != nil {
			t.Errorf("%s: %v", h.Name(), err)
		}
		if _, err := h.Get(print); !errors.Is(err, ErrNotHeld) {
			t.Errorf("%s: still there: %v", h.Name(), err)
		}
	}
}

func TestHoldersForget(t *testing.T) {
	holders := Holders(inMemory(t))
	root := testRoot(t)
	print := fingerprintOf(t, root)
	for _, h := range holders {
		if err := h.Hold(print, root.key, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(2100 * time.Millisecond)
	for _, h := range holders {
		if _, err := h.Get(print); !errors.Is(err, ErrNotHeld) {
			t.Errorf("%s: after its time: %v", h.Name(), err)
		}
	}
}

// Nobody but the user can read what is held, and root.
func TestHoldersArePrivate(t *testing.T) {
	dir := inMemory(t)
	root := testRoot(t)
	print := fingerprintOf(t, root)
	for _, h := range Holders(dir) {
		if err := h.Hold(print, root.key, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "coffer", print+".root"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	keys, err := os.ReadFile("/proc/keys")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(keys)) {
		if strings.Contains(line, keyDescription(print)) && !strings.Contains(line, " 3f0b0000 ") {
			t.Errorf("permissions: %s", line)
		}
	}
	if !strings.Contains(string(keys), keyDescription(print)) {
		t.Error("the key is not in the keyring")
	}
}

// A runtime directory that is not in memory is refused: the root key would be on the
// disk.
func TestRuntimeFileWantsMemory(t *testing.T) {
	dir, err := os.MkdirTemp(".", "testdata-*") // the source tree is on a disk
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	h := runtimeFile(filepath.Join(dir, "coffer"))
	if err := h.Hold(strings.Repeat("0", 16), randomKey(), time.Hour); !errors.Is(err, ErrHolder) {
		t.Error(err)
	}
	if left, _ := filepath.Glob(string(h) + "/*"); len(left) > 0 {
		t.Errorf("written nevertheless: %v", left)
	}
}

// refusing is a kernel without keyrings.
type refusing struct{ Holder }

func (refusing) Name() string      { return "none" }
func (refusing) Drop(string) error { return ErrHolder }

func TestHoldAndRelease(t *testing.T) {
	root := testRoot(t)
	print := fingerprintOf(t, root)
	file := runtimeFile(filepath.Join(inMemory(t), "coffer"))
	nowhere := runtimeFile(filepath.Join(t.TempDir(), "not", "there"))
	h, err := Hold([]Holder{nowhere, file}, root, time.Minute)
	if err != nil || h != Holder(file) {
		t.Fatal(h, err)
	}
	if err := Release([]Holder{refusing{}, file}, print); err != nil {
		t.Error(err)
	}
	if err := Release([]Holder{refusing{}, file}, print); !errors.Is(err, ErrNotHeld) {
		t.Error(err)
	}
	if _, err := Hold([]Holder{nowhere}, root, time.Minute); !errors.Is(err, ErrHolder) {
		t.Error(err)
	}
}
