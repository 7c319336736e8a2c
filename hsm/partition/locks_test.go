package partition

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// A panic under the lock is answered with CKR_GENERAL_ERROR by the library, which goes
// on: the lock must not stay behind, or every later call would wait for ever.
func TestPanicLeavesNoLock(t *testing.T) {
	r := newRig(t)
	who := r.login(ck.CKU_USER, userPIN)
	spoilt := func(call func() error) {
		r.settle()
		defer func(class map[ck.ObjectClass][]*entry) { r.index.class = class }(r.index.class)
		r.index.class = nil
		_ = call()
	}
	for name, call := range map[string]func(api.ObjectID){
		"SetAttributes": func(id api.ObjectID) {
			spoilt(func() error { return r.SetAttributes(who, id, ck.Template{ck.String(ck.CKA_LABEL, "new")}) })
		},
		"DestroyObject": func(id api.ObjectID) {
			spoilt(func() error { return r.DestroyObject(who, id) })
		},
	} {
		id := r.generate(who, false, name)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic: the test tests nothing", name)
				}
			}()
			call(id)
		}()
		if !r.mu.TryLock() {
			t.Fatalf("%s: the lock stayed behind", name)
		}
		r.mu.Unlock()
	}
}

// What takes a lock gives it back whatever happens: every Lock has its defer on the
// next line.
func TestLocksAreDeferred(t *testing.T) {
	lock := regexp.MustCompile(`^\s*(.*)\.(R?)Lock\(\)$`)
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	found := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(b), "\n")
		for i, line := range lines {
			m := lock.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			found++
			if want := "defer " + m[1] + "." + m[2] + "Unlock()"; strings.TrimSpace(lines[i+1]) != want {
				t.Errorf("%s:%d: the next line is not %q", name, i+1, want)
			}
		}
	}
	if found < 20 {
		t.Errorf("found %d locks only", found)
	}
}
