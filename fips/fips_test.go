package fips

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// childEnv names the case that a child process is to run. The error state lasts
// as long as the process, so each case that enters it has one of its own.
const childEnv = "COFFER_FIPS_TEST_CHILD"

var errWrong = errors.New("wrong answer")

var children = map[string]func(t *testing.T){
	"test fails": func(t *testing.T) {
		good := CAST("good", func() error { return nil })
		bad := CAST("bad", func() error { return errWrong })
		if err := good.Ready(); err != nil || Failed() != nil {
			t.Errorf("before: Ready = %v, Failed = %v", err, Failed())
		}
		if err := bad.Ready(); !errors.Is(err, errWrong) || !strings.Contains(err.Error(), "bad") {
			t.Errorf("Ready of the bad one = %v", err)
		}
		if err := good.Ready(); !errors.Is(err, errWrong) {
			t.Errorf("Ready of the good one in the error state = %v", err)
		}
		if err := RunAll(); !errors.Is(err, errWrong) {
			t.Errorf("RunAll = %v", err)
		}
	},
	"first failure stays": func(t *testing.T) {
		first := CAST("first", func() error { return errWrong })
		second := CAST("second", func() error { return errors.New("another") })
		first.Ready()
		second.Ready()
		if err := Failed(); !errors.Is(err, errWrong) {
			t.Errorf("Failed = %v", err)
		}
	},
	"pair fails": func(t *testing.T) {
		if err := pct("pair", false, func() error { return errWrong }); !errors.Is(err, errWrong) || Failed() != nil {
			t.Errorf("out of approved mode: %v, Failed = %v", err, Failed())
		}
		if err := pct("pair", true, func() error { return nil }); err != nil || Failed() != nil {
			t.Errorf("a good pair: %v, Failed = %v", err, Failed())
		}
		if err := pct("pair", true, func() error { return errWrong }); !errors.Is(err, errWrong) || !errors.Is(Failed(), errWrong) {
			t.Errorf("in approved mode: %v, Failed = %v", err, Failed())
		}
	},
	"broken": func(t *testing.T) {
		CAST("victim", func() error { return nil })
		if Break("nobody") || !Break("victim") {
			t.Error("Break finds the wrong ones")
		}
		if err := RunAll(); err == nil || !strings.Contains(err.Error(), "victim") {
			t.Errorf("RunAll = %v", err)
		}
		if Break("victim") {
			t.Error("Break promises what it cannot do any more")
		}
	},
}

func TestErrorState(t *testing.T) {
	if name := os.Getenv(childEnv); name != "" {
		children[name](t)
		return
	}
	for name := range children {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestErrorState$")
			cmd.Env = append(os.Environ(), childEnv+"="+name)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestRunsOnce(t *testing.T) {
	var runs int
	c := CAST("counted", func() error { runs++; return nil })
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := c.Ready(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := RunAll(); err != nil {
		t.Error(err)
	}
	if runs != 1 {
		t.Errorf("ran %d times", runs)
	}
	if !slices.Contains(Names(), "counted") {
		t.Errorf("Names = %v", Names())
	}
}

func TestReadyIsCheap(t *testing.T) {
	c := CAST("cheap", func() error { return nil })
	if n := testing.AllocsPerRun(100, func() { _ = c.Ready() }); n != 0 {
		t.Errorf("Ready allocates %v times", n)
	}
}

// TestLeaf holds the line of the package text: the standard library only.
func TestLeaf(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(string(out)); len(got) != 1 {
		t.Errorf("imports beyond the standard library: %v", got)
	}
}
