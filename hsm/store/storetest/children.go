package storetest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// childEnv names what a test program that runs itself again is to be, and has the
// arguments for that.
const (
	childEnv  = "COFFER_TEST_CHILD"
	separator = "|"
)

// Main is what TestMain does: it runs the tests, or, in a process that Child started,
// the child of that name, with its arguments. It does not return.
func Main(m interface{ Run() int }, children map[string]func(args []string) error) {
	command, is := os.LookupEnv(childEnv)
	if !is {
		os.Exit(m.Run())
	}
	args := strings.Split(command, separator)
	err := fmt.Errorf("no child %q", args[0])
	if f := children[args[0]]; f != nil {
		err = f(args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Child is this test program once more, as a child: its name, and its arguments.
func Child(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+strings.Join(args, separator))
	cmd.Stderr = os.Stderr
	return cmd
}
