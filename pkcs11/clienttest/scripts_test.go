package clienttest

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// script gives the parameters to run the scripts of a folder on a module. told
// takes what each of them told, under "script-" and its name.
func script(folder string, module func(string) ([]string, error), told *sync.Map) testscript.Params {
	return testscript.Params{
		Dir:                 filepath.Join("testdata", folder),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                commands,
		Setup: func(e *testscript.Env) error {
			env, err := module(e.WorkDir)
			if err != nil {
				return err
			}
			e.Vars = append(e.Vars, env...)
			e.Setenv("LC_ALL", "C.UTF-8")
			e.Setenv("USER_PIN", userPIN)
			e.Setenv("SO_PIN", soPIN)
			e.Values[transcript{}] = new([]string)
			e.Defer(func() { told.Store(filepath.Base(e.WorkDir), e.Values[transcript{}]) })
			return nil
		},
	}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, script("coffer", coffer, new(sync.Map)))
}

// TestMigration runs scripts on Coffer and on SoftHSM2: who comes from there finds
// that the same commands do the same and say the same.
func TestMigration(t *testing.T) {
	var ours, theirs sync.Map
	t.Run("both", func(t *testing.T) {
		t.Run("coffer", func(t *testing.T) { testscript.Run(t, script("both", coffer, &ours)) })
		t.Run("softhsm2", func(t *testing.T) { testscript.Run(t, script("both", softHSM2, &theirs)) })
	})
	if t.Failed() {
		return
	}
	scripts, err := filepath.Glob("testdata/both/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts:", err)
	}
	for _, file := range scripts {
		name := "script-" + strings.TrimSuffix(filepath.Base(file), ".txt")
		a, _ := ours.Load(name)
		b, _ := theirs.Load(name)
		compare(t, name, *a.(*[]string), *b.(*[]string))
	}
}

// compare compares what two modules said, one string for each "told".
func compare(t *testing.T, name string, ours, theirs []string) {
	t.Helper()
	if len(ours) != len(theirs) {
		t.Errorf("%s: told %d and %d times", name, len(ours), len(theirs))
		return
	}
	for i := range ours {
		if ours[i] != theirs[i] {
			t.Errorf("%s: Coffer said\n%s\nSoftHSM2 said\n%s", name, ours[i], theirs[i])
		}
	}
}
