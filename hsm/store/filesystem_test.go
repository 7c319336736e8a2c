package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// onFilesystem has every directory be on a file system of that type.
func onFilesystem(t *testing.T, magic int64) {
	t.Cleanup(func() { statfs = unix.Statfs })
	statfs = func(dir string, st *unix.Statfs_t) error {
		err := unix.Statfs(dir, st)
		st.Type = magic
		return err
	}
}

// Every network file system is refused by name, before anything is made, unless
// it is allowed.
func TestNetworkFilesystems(t *testing.T) {
	made := newDir(t)
	for magic, name := range networkTypes {
		for _, written := range []int64{magic, int64(int32(magic))} { // as 64-bit and 32-bit systems have it
			onFilesystem(t, written)
			dir := t.TempDir()
			_, err := CreateFile(dir, Options{})
			refused(t, name, err)
			if left, _ := os.ReadDir(dir); len(left) > 1 {
				t.Errorf("%s: %v was made", name, left)
			}
			_, err = OpenFile(made, Options{})
			refused(t, name, err)
			if s, err := OpenFile(made, Options{Network: true}); err != nil {
				t.Errorf("%s, allowed: %v", name, err)
			} else {
				s.Close()
			}
		}
	}
}

func refused(t *testing.T, name string, err error) {
	t.Helper()
	if !errors.Is(err, ErrNetwork) || !strings.Contains(err.Error(), name+" ") {
		t.Errorf("%s: %v", name, err)
	}
}

func TestLocalFilesystems(t *testing.T) {
	dir := newDir(t)
	for _, magic := range []int64{unix.EXT4_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.XFS_SUPER_MAGIC,
		unix.TMPFS_MAGIC, unix.OVERLAYFS_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC} {
		onFilesystem(t, magic)
		if s, err := OpenFile(dir, Options{}); err != nil {
			t.Errorf("%#x: %v", magic, err)
		} else {
			s.Close()
		}
	}
}

// FUSE is told by the name of what is behind it.
func TestFUSE(t *testing.T) {
	dir := newDir(t)
	onFilesystem(t, unix.FUSE_SUPER_MAGIC)
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	mountinfo = filepath.Join(t.TempDir(), "mountinfo")
	t.Cleanup(func() { mountinfo = "/proc/self/mountinfo" })
	mounted := func(kind string) error {
		text := fmt.Sprintf("1 0 0:1 / /other rw - fuse.sshfs a b rw\n36 35 %d:%d / %s rw,nosuid shared:9 - %s source rw\n",
			unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)), dir, kind)
		if err := os.WriteFile(mountinfo, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenFile(dir, Options{})
		return err
	}
	for kind, name := range networkFUSE {
		refused(t, name, mounted("fuse."+kind))
	}
	if err := mounted("fuse.ntfs-3g"); err != nil {
		t.Error(err)
	}
	if err := mounted("fuseblk"); err != nil {
		t.Error(err)
	}
}
