package clienttest

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/coffer-hsm/coffer/pkcs11/rig"
	"github.com/rogpeppe/go-internal/testscript"
)

// giveTo moves the home and copies the library to where a user can reach them, and gives the
// home to that user. Only root can: else OWNER is who runs this, and all stays where it is.
func giveTo(ts *testscript.TestScript, name string) error {
	if os.Geteuid() != 0 {
		me, err := user.Current()
		if err == nil {
			ts.Setenv("OWNER", me.Username)
		}
		return err
	}
	top, err := os.MkdirTemp("", "coffer-owner-")
	if err != nil {
		return err
	}
	ts.Defer(func() { os.RemoveAll(top) })
	home, libraries := filepath.Join(top, "home"), filepath.Join(top, "lib")
	copied := exec.Command("cp", "-R", ts.Getenv("COFFER_HOME"), home)
	if err := errors.Join(os.Chmod(top, 0o755), copied.Run(), giveTree(home, name), os.Mkdir(libraries, 0o755)); err != nil {
		return err
	}
	built, err := filepath.Glob(filepath.Join(ts.Getenv("BUILD"), "*.so"))
	if err != nil {
		return err
	}
	ts.Setenv("OWNER", name)
	ts.Setenv("COFFER_HOME", home)
	ts.Setenv("MODULE", filepath.Join(libraries, rig.Front))
	return exec.Command("cp", append(built, libraries)...).Run()
}

// giveTree gives a directory of files to a user, and the user's group.
func giveTree(dir, name string) error {
	to, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, err1 := strconv.Atoi(to.Uid)
	gid, err2 := strconv.Atoi(to.Gid)
	files, err3 := filepath.Glob(filepath.Join(dir, "*"))
	err = errors.Join(err1, err2, err3)
	for _, path := range append(files, dir) {
		err = errors.Join(err, os.Lchown(path, uid, gid))
	}
	return err
}
