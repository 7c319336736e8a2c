package clienttest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// root is the project's folder, seen from this package.
const root = "../.."

var soak = os.Getenv("COFFER_SOAK") == "1"

// The Go clients are commands of this test program: they load a library that is
// Go itself, and some are killed, so each runs in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"crypto11-client": program(crypto11Client),
		"miekg-client":    program(miekgClient),
		"maker":           program(maker),
		"watcher":         program(watcher),
		"counter":         program(counter),
	})
}

// program makes a command of a function that may fail.
func program(run func() error) func() {
	return func() {
		if err := run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// built makes the libraries, or finds that they are fresh. Other
// packages' tests may do the same at the same time, so that they take turns.
var built = sync.OnceValues(func() (folder string, err error) {
	folder, err = filepath.Abs(filepath.Join(root, "build"))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	out, err := exec.Command("flock", filepath.Join(folder, ".lock"),
		"make", "-s", "-C", root, "front", "core", "tool").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("make front core tool: %w\n%s", err, out)
	}
	// The go command sees what this program looks at, not what the clients load: or
	// it would take an old outcome from its cache.
	for _, name := range []string{"libcoffer-pkcs11.so", "libcoffer-core.so", "coffer"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			return "", err
		}
	}
	return folder, nil
})

// clients are the programs that the scripts run.
var clients = []string{
	"pkcs11-tool", "openssl", "softhsm2-util", "p11tool", "p11-kit", "modutil", "certutil",
	"ssh-agent", "ssh-add", "ssh-keygen", "java", "keytool", "nginx",
}

func TestClientsAreInstalled(t *testing.T) {
	for _, name := range clients {
		if _, err := exec.LookPath(name); err != nil {
			t.Errorf("%v: run .ci/install test", err)
		}
	}
}
