package clienttest

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/coffer-hsm/coffer/pkcs11/rig"
	"github.com/rogpeppe/go-internal/testscript"
)

// root is the project's folder, seen from this package.
const root = "../.."

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

// built is build/, with the libraries and the tool made anew. It is for the tests to
// ask for: the commands above are this program too, and build nothing.
var built = sync.OnceValues(func() (folder string, err error) {
	folder, err = rig.Build(root, "front", "core", "tool")
	if err != nil {
		return "", err
	}
	return folder, rig.Depend(folder, rig.Front, rig.Core, rig.Tool)
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
