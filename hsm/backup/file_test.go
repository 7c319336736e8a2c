package backup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/store/storetest"
)

// partChild begins a backup at a path, and goes on until its input ends.
func partChild(args []string) error {
	return WriteFile(args[0], func(w io.Writer) error {
		if _, err := io.WriteString(w, magic); err != nil {
			return err
		}
		fmt.Println("ready")
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	})
}

// startChild starts a child and waits for its first line; it ends with its input.
func startChild(t *testing.T, args ...string) (cmd *exec.Cmd, end io.Closer) {
	t.Helper()
	cmd = storetest.Child(args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return cmd, in
}

// A backup that another process writes is left to it; what one that was killed has left
// is written over; a file of somebody else is neither.
func TestPart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backup")
	text := func(w io.Writer) error { _, err := io.WriteString(w, "text"); return err }
	live, end := startChild(t, "part", path)
	if err := WriteFile(path, text); !errors.Is(err, ErrBusy) {
		t.Errorf("while another writes it: %v", err)
	}
	end.Close()
	if err := live.Wait(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != magic {
		t.Errorf("what the other wrote: %q, %v", b, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	dead, _ := startChild(t, "part", path)
	dead.Process.Kill()
	dead.Wait()
	if _, err := os.Stat(path + partSuffix); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, text); err != nil {
		t.Errorf("after a kill: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "text" {
		t.Errorf("%q, %v", b, err)
	}
	other := filepath.Join(filepath.Dir(path), "other")
	if err := os.WriteFile(other+partSuffix, []byte("a part of something"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(other, text); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file of somebody else in the way: %v", err)
	}
	if b, err := os.ReadFile(other + partSuffix); err != nil || string(b) != "a part of something" {
		t.Errorf("it has %q, %v", b, err)
	}
}
