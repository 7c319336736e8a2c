package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

const program = `package main

import "os"

//go:noinline
func outer(n int) int {
	return inner(n) + 1
}

func inner(n int) int {
	return leaf(n) * 2
}

//go:noinline
func leaf(n int) int {
	return n ^ 5
}

func main() {
	os.Exit(outer(len(os.Args)))
}
`

func compile(t *testing.T, flags ...string) (path string) {
	folder := t.TempDir()
	for name, text := range map[string]string{"main.go": program, "go.mod": "module sample\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", slices.Concat([]string{"build", "-o", "sample"}, flags, []string{"."})...)
	build.Dir = folder
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(folder, "sample")
}

// returns is where the call of leaf in outer returns to: the one place whose call is
// in inner too, and in the line of it.
func returns(t *testing.T, path string) (offset uint64) {
	c, err := readCode(path)
	if err != nil {
		t.Fatal(err)
	}
	start := c.symbols["main.outer"]
	for offset = 1; offset < 200; offset++ {
		at := c.frames(start + offset - 1)
		if len(at) == 2 && at[0].name == "main.inner" {
			return offset
		}
	}
	t.Fatal("inner is not inlined in outer")
	return 0
}

// A stack of two frames becomes one of three, with the lines of the calls.
func TestInlined(t *testing.T) {
	path := compile(t)
	stack := fmt.Sprintf("\t 1 main.leaf+0x0 (%s)\n\t 1 main.outer+0x%x (%s)\n\t 1 main+0x5 (other.so)\n\t 1 main.leaf+0x0 (%[1]s)\n\n",
		path, returns(t, path), path)
	var out bytes.Buffer
	if err := convert(path, "^nothing$", strings.NewReader(stack+stack), &out); err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse(&out)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range p.Sample[0].Location {
		for _, line := range l.Line {
			got = append(got, fmt.Sprintf("%s %d+%d", line.Function.Name, line.Function.StartLine, line.Line-line.Function.StartLine))
		}
	}
	want := "[main.leaf 15+1 main.inner 10+1 main.outer 6+1]"
	if fmt.Sprint(got) != want || p.Sample[0].Value[0] != 2 || len(p.Sample) != 1 {
		t.Errorf("the profile has %v, %d times of %d; want %s twice", got, p.Sample[0].Value[0], len(p.Sample), want)
	}
}

func TestWithout(t *testing.T) {
	path := compile(t)
	stacks := fmt.Sprintf("1 main.leaf+0x0 (%s)\n", path)
	if err := convert(path, "leaf", strings.NewReader(stacks), &bytes.Buffer{}); err == nil {
		t.Error("a profile of nothing was written")
	}
}

// What cannot be read says so, and nothing is written for it.
func TestRefuses(t *testing.T) {
	for name, c := range map[string]struct{ core, without, want string }{
		"no library":            {"profile_test.go", "^$", "bad magic number"},
		"a library not there":   {filepath.Join(t.TempDir(), "none"), "^$", "no such file"},
		"one without symbols":   {compile(t, "-ldflags=-s -w"), "^$", "has no symbols"},
		"no regular expression": {compile(t), "(", "missing closing"},
	} {
		var out bytes.Buffer
		err := convert(c.core, c.without, strings.NewReader("1 main.leaf+0x0 (x)\n"), &out)
		if err == nil || !strings.Contains(err.Error(), c.want) || out.Len() > 0 {
			t.Errorf("%s: %v, and %d bytes", name, err, out.Len())
		}
	}
}
