package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/store/storetest"
	"golang.org/x/sys/unix"
)

// createFaultsChild creates stores with every call that changes files refused in
// turn, and then tries again.
func createFaultsChild(dir string) error {
	var f storetest.Fault
	if err := storetest.Watch(dir, f.Decide); err != nil {
		return err
	}
	for n := 1; ; n++ {
		at := filepath.Join(dir, strconv.Itoa(n))
		f.Arm(n, unix.EIO)
		_, failed := CreateFile(at, Options{})
		refused := f.Disarm()
		if failed == nil && refused != nil && refused.Op != storetest.Remove { // of what is not there
			return fmt.Errorf("fault %d: nobody notices that %s %s was refused", n, refused.Op, refused.Path)
		}
		if failed != nil {
			if _, err := CreateFile(at, Options{}); err != nil && !errors.Is(err, ErrExists) {
				return fmt.Errorf("trying again after fault %d: %w", n, err)
			}
		}
		s, err := OpenFile(at, Options{})
		if err == nil {
			err = s.Update(put(1, "x"))
		}
		if err != nil {
			return fmt.Errorf("after fault %d: %w", n, err)
		}
		if refused == nil {
			fmt.Println(n - 1)
			return nil
		}
	}
}

// A creation that failed at any call is told, and can be taken up again.
func TestCreateFaults(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "all")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := storetest.Child("create faults", dir).Output()
	var faults int
	fmt.Sscan(string(out), &faults)
	if err != nil || faults < 8 {
		t.Fatalf("%d faults: %v", faults, err)
	}
}
