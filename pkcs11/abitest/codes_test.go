package abitest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// What a function may answer is in testdata: listed.tsv is the standard's list,
// general.tsv what it says of functions in general, beyond.tsv what its text demands
// although the list leaves it out, and never.tsv why a code does not occur in Coffer.
// Every answer in a test of this package is held against the first three.

// codes is a set of codes.
type codes map[ck.RV]bool

// answers is what the tables say of one function.
type answers struct{ listed, general, beyond codes }

func (a *answers) may(rv ck.RV) bool { return a.listed[rv] || a.general[rv] || a.beyond[rv] }

// table returns the rows of a file in testdata, each with that many columns.
func table(name string, columns int) [][]string {
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		panic(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		row := strings.Split(line, "\t")
		if len(row) != columns {
			panic(fmt.Sprintf("%s: %d columns: %s", name, len(row), line))
		}
		rows = append(rows, row)
	}
	return rows
}

// codeNamed returns the code of a name without CKR_.
func codeNamed(name string) ck.RV {
	rv, ok := codesByName()["CKR_"+name]
	if !ok {
		panic("no code " + name)
	}
	return rv
}

// codesByName is every code that has a name.
var codesByName = sync.OnceValue(func() map[string]ck.RV {
	all := map[string]ck.RV{}
	for rv := range ck.RV(0x1000) {
		all[rv.String()] = rv
	}
	return all
})

// before are the functions that work without C_Initialize.
var before = []string{"C_Initialize", "C_GetFunctionList", "C_GetInterfaceList", "C_GetInterface"}

// scopes says which functions a row of general.tsv is about.
var scopes = map[string]func(f function) bool{
	"all":         func(function) bool { return true },
	"initialized": func(f function) bool { return !slices.Contains(before, f.name) },
	"session":     function.onSession,
	"token":       func(f function) bool { return f.onSession() || strings.HasPrefix(f.params[0], "CK_SLOT_ID ") },
}

func (f function) onSession() bool { return f.params[0] == "CK_SESSION_HANDLE hSession" }

// allAnswers is the tables together, by function.
var allAnswers = sync.OnceValue(func() map[string]*answers {
	all := map[string]*answers{}
	for _, f := range readFunctions() {
		a := &answers{codes{}, codes{}, codes{}}
		all[f.name] = a
		for _, row := range table("general.tsv", 3) {
			if scopes[row[0]](f) {
				a.general[codeNamed(row[1])] = true
			}
		}
	}
	for _, row := range table("listed.tsv", 2) {
		for name := range strings.FieldsSeq(row[1]) {
			all[row[0]].listed[codeNamed(name)] = true
		}
	}
	for _, row := range table("beyond.tsv", 3) {
		all[row[0]].beyond[codeNamed(row[1])] = true
	}
	return all
})

// heard is what functions have answered although they may not, with how often.
var heard struct {
	sync.Mutex
	unlisted map[string]int
}

// heed looks at every answer in this package's tests.
func heed(name string, rv ck.RV) {
	if mayAnswer(name, rv) {
		return
	}
	heard.Lock()
	defer heard.Unlock()
	if heard.unlisted == nil {
		heard.unlisted = map[string]int{}
	}
	heard.unlisted[name+" answered "+rv.String()]++
}

// mayAnswer says whether the tables have rv for a function. C_AsyncComplete
// answers for others (section 5.22).
func mayAnswer(name string, rv ck.RV) bool {
	all := allAnswers()
	if all[name].may(rv) {
		return true
	}
	return name == "C_AsyncComplete" && (all["C_Sign"].may(rv) || all["C_GenerateKeyPair"].may(rv))
}

// unlisted reports what heed has heard, and returns 1 if there was anything.
func unlisted() int {
	heard.Lock()
	defer heard.Unlock()
	for what, n := range heard.unlisted {
		fmt.Printf("%s, %d times: a code that the tables do not have\n", what, n)
	}
	return min(len(heard.unlisted), 1)
}
