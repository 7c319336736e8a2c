package slots_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

var update = flag.Bool("update", false, "write what the twin answers into the scripts")

// implementations are the modules on which the scripts tell the same story.
var implementations = map[string]func(testing.TB) api.Module{
	"twin":   func(testing.TB) api.Module { return new(twin) },
	"module": openModule,
}

// A script is a conversation: a line with a command (commands_test.go) and
// under it, indented, the answer. Empty lines and those that begin with # are
// for the reader. testdata/README.md lists the commands.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts:", err)
	}
	for name, open := range implementations {
		for _, file := range files {
			t.Run(name+"/"+filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				runScript(t, file, open(t), *update && name == "twin")
			})
		}
	}
}

const indent = "    "

func runScript(t *testing.T, file string, module api.Module, write bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(module)
	t.Cleanup(func() { _ = w.app.Finalize() })
	var told strings.Builder
	answers := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, indent) {
			continue
		}
		told.WriteString(line)
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			told.WriteString(indent + w.answer(t, line) + "\n")
			answers++
		}
	}
	if answers == 0 {
		t.Error("a script without commands")
	}
	if write {
		if err := os.WriteFile(file, []byte(told.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	compare(t, file, string(text), told.String())
}

// compare reports the lines that differ.
func compare(t *testing.T, file, want, got string) {
	wants, gots := strings.Split(want, "\n"), strings.Split(got, "\n")
	command := ""
	for i := range min(len(wants), len(gots)) {
		if !strings.HasPrefix(wants[i], indent) {
			command = wants[i]
		}
		if wants[i] != gots[i] {
			t.Errorf("%s:%d: %s\n got %s\nwant %s", file, i+1, command,
				strings.TrimSpace(gots[i]), strings.TrimSpace(wants[i]))
		}
	}
	if len(wants) != len(gots) {
		t.Errorf("%s: %d lines, want %d: an answer too many or too few", file, len(gots), len(wants))
	}
}

// world is what a script has named so far.
type world struct {
	module   api.Module
	app      *slots.App
	sessions map[string]ck.SessionHandle
	objects  map[string]ck.ObjectHandle
	saved    map[string][]byte
	ids      map[string]uint64            // of asynchronous calls
	params   map[string]*ck.MessageParams // of messages
	sealed   *ck.Mechanism                // the parameter of the last wrap-authenticated
}

func newWorld(module api.Module) *world {
	return &world{
		module:   module,
		app:      slots.New(module),
		sessions: map[string]ck.SessionHandle{},
		objects:  map[string]ck.ObjectHandle{},
		saved:    map[string][]byte{},
		ids:      map[string]uint64{},
	}
}

// answer runs one command and says what came of it: the code and what there
// was to tell.
func (w *world) answer(t testing.TB, line string) string {
	words := strings.Fields(line)
	do, ok := commands[words[0]]
	if !ok {
		t.Fatalf("no such command: %s", line)
	}
	told, err := do(w, args{t, words[1:]})
	return strings.TrimSpace(ck.Code(err).Error() + " " + told)
}

// args are the words of a command after its name.
type args struct {
	t     testing.TB
	words []string
}

func (a args) word(i int) string {
	if i >= len(a.words) {
		a.t.Fatalf("a word is missing after %q", a.words)
	}
	return a.words[i]
}

func (a args) rest(i int) []string { return a.words[min(i, len(a.words)):] }

func (a args) number(i int) uint64 {
	var n uint64
	if _, err := fmt.Sscan(a.word(i), &n); err != nil {
		a.t.Fatalf("%q is not a number", a.word(i))
	}
	return n
}
