package hosttest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A function as functions.h has it.
type function struct {
	name       string
	parameters []parameter
}

type parameter struct{ kind, name string }

// pointer tells whether NULL can be handed in.
func (p parameter) pointer() bool {
	return strings.HasSuffix(p.kind, "_PTR") || p.kind == "CK_NOTIFY"
}

var (
	functionLine  = regexp.MustCompile(`(?m)^FN\((C_\w+), \w+, \((.*?)\), `)
	parameterText = regexp.MustCompile(`^(\w+) (\w+)$`)
)

func readFunctions(t *testing.T) []function {
	t.Helper()
	text, err := os.ReadFile("../front/functions.h")
	if err != nil {
		t.Fatal(err)
	}
	var functions []function
	for _, line := range functionLine.FindAllStringSubmatch(string(text), -1) {
		f := function{name: line[1]}
		for _, p := range strings.Split(line[2], ", ") {
			parts := parameterText.FindStringSubmatch(p)
			if parts == nil {
				t.Fatalf("%s: parameter %q", f.name, p)
			}
			f.parameters = append(f.parameters, parameter{parts[1], parts[2]})
		}
		functions = append(functions, f)
	}
	if len(functions) < 100 {
		t.Fatalf("only %d functions in functions.h", len(functions))
	}
	return functions
}

// listed reads the names in a list header: see front/listed.h.
func listed(t *testing.T, file, list string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, line := range regexp.MustCompile(`(?m)^#define `+list+`_(\w+) LISTED$`).FindAllStringSubmatch(string(text), -1) {
		names = append(names, line[1])
	}
	if len(names) == 0 && list != "UNSUPPORTED" { // of those there may be none
		t.Fatalf("%s: no %s", file, list)
	}
	return names
}

// A misspelt name in a list would have no effect and nobody would say so.
func TestListsNameFunctions(t *testing.T) {
	known := map[string]bool{}
	for _, f := range readFunctions(t) {
		known[f.name] = true
	}
	for list, file := range map[string]string{
		"OWN": "../front/own.h", "ALONE": "../front/own.h", "UNSUPPORTED": "../unsupported.h", "DEFERRED": "../deferral.h",
	} {
		for _, name := range listed(t, file, list) {
			if !known[name] {
				t.Errorf("%s in %s is not a function", name, file)
			}
		}
	}
}

// A filling is what an argument of a call is made of.
type filling struct{ handle, slot, number, pointer string }

// argument writes one argument, cast to what the function wants.
func (f filling) argument(p parameter) string {
	value := f.number
	switch {
	case p.kind == "CK_NOTIFY":
		value = "0"
	case p.pointer():
		value = f.pointer
	case p.kind == "CK_SLOT_ID":
		value = f.slot
	case strings.HasSuffix(p.kind, "_HANDLE"):
		value = f.handle
	}
	return "(" + p.kind + ")" + value
}

// calls are the ways to call f with something missing or wrong. Lengths are only
// absurd where there is no memory behind them.
func calls(f function) []string {
	nothing := filling{"0", "0", "0", "0"}
	unknown := filling{"0xdeadbeef", "0xdeadbeef", "16", "scratch"}
	endless := filling{"session", "slot", "~0UL", "0"}
	zeroes := filling{"session", "slot", "16", "scratch"}
	var all []string
	add := func(fill filling, without int) {
		arguments := make([]string, len(f.parameters))
		for i, p := range f.parameters {
			arguments[i] = fill.argument(p)
			if i == without {
				arguments[i] = "(" + p.kind + ")0"
			}
		}
		all = append(all, fmt.Sprintf("TRY(%s, (%s));\n", f.name, strings.Join(arguments, ", ")))
	}
	for _, fill := range []filling{nothing, unknown, endless, zeroes} {
		add(fill, -1)
	}
	for i := range f.parameters {
		add(zeroes, i)
	}
	return all
}

// The calls that NULL makes valid: they would end the state under test.
var valid = map[string]bool{"C_Initialize": true, "C_Finalize": true}

func writeCalls(t *testing.T, folder string) {
	t.Helper()
	var text, names strings.Builder
	for _, f := range readFunctions(t) {
		if valid[f.name] {
			continue
		}
		for _, call := range calls(f) {
			text.WriteString(call)
		}
	}
	for _, name := range listed(t, "../unsupported.h", "UNSUPPORTED") {
		fmt.Fprintf(&names, "%q,\n", name)
	}
	for file, content := range map[string]string{"calls.h": text.String(), "unsupported_names.h": names.String()} {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNullEverywhere(t *testing.T) {
	folder := t.TempDir()
	writeCalls(t, folder)
	h := newTokenHost(t, "null", "-I"+folder, "-Wno-int-conversion", "-fno-var-tracking")
	h.limit = 3 * time.Minute
	h.mustRun(t)
}
