package hsm

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/store/storetest"
)

// findingOf is the finding about a path or partition that has a text in it.
func findingOf(t *testing.T, r *Report, where, what string) Finding {
	t.Helper()
	for _, f := range r.Findings {
		if strings.HasSuffix(f.Where, where) && strings.Contains(f.What, what) {
			return f
		}
	}
	t.Fatalf("nothing of %s that says %q: %+v", where, what, r.Findings)
	return Finding{}
}

// A home that has lost its first file: all is still looked at, and a repair makes it
// again as it was, from root.key or a sealed copy, also in the middle of a change of the
// root key. Without the root key of the partitions nothing is written.
func TestRemakeFirstFile(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, c Config){
		"root.key": func(*testing.T, Config) {},
		"sealed": func(t *testing.T, c Config) {
			s := openSeals(t, c)
			must(t, s.Add("stick", keyFileSeal(t)))
			must(t, s.Remove(RootKeyName))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := smallHome(t)
			prepare(t, c)
			want, err := useAll(c)
			must(t, err)
			path := filepath.Join(c.Home, homeName)
			before, err := os.ReadFile(path)
			must(t, err)
			must(t, os.Remove(path))
			r := mustCheck(t, c, CheckOptions{})
			if f := findingOf(t, r, homeName, "missing"); r.Sound() || len(r.Findings) != 1 || len(r.Partitions) != 2 || r.Partitions[1].Records != 4 {
				t.Errorf("%+v, %+v", f, r)
			}
			if r = mustCheck(t, c, CheckOptions{Repair: true}); !r.Sound() || r.Findings[0].Mended == "" || r.Quarantine != "" {
				t.Errorf("%+v", r)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
				t.Errorf("%q, %v; want %q", after, err, before)
			}
			if got, err := useAll(c); err != nil || !maps.Equal(got, want) {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestRemakeFirstFileNeedsRootKey(t *testing.T) {
	for name, spoil := range map[string]func(c, other Config) error{
		"put root.key back": func(c, _ Config) error { return os.Remove(filepath.Join(c.Home, rootName)) },
		"does not open the partitions": func(c, other Config) error {
			return copyOver(filepath.Join(other.Home, rootName), filepath.Join(c.Home, rootName))()
		},
	} {
		c, other := smallHome(t), newHome(t, cheapPINs)
		open(t, other).Create("x", soPIN, nil)
		must(t, os.Remove(filepath.Join(c.Home, homeName)))
		must(t, spoil(c, other))
		r := mustCheck(t, c, CheckOptions{Repair: true})
		if f := findingOf(t, r, homeName, name); f.Mended != "" || r.Sound() {
			t.Errorf("%+v", f)
		}
		if (home{dir: c.Home}).has(homeName) {
			t.Error("it was written all the same")
		}
	}
}

// A change of the root key that was cut off goes on after the first file was lost.
func TestRemakeWhileRotating(t *testing.T) {
	for at := range 8 {
		c := smallHome(t)
		want, err := useAll(c)
		must(t, err)
		cutRotation(t, c, at)
		must(t, os.Remove(filepath.Join(c.Home, homeName)))
		if r := mustCheck(t, c, CheckOptions{Repair: true}); !r.Sound() {
			t.Errorf("step %d: %+v", at, r.Findings)
		}
		must(t, open(t, c).RotateRoot(t.Context(), Rotation{}))
		if got, err := useAll(c); err != nil || !maps.Equal(got, want) {
			t.Errorf("step %d: %v", at, err)
		}
	}
}

// A lock file that is lost is made again, and nothing else is touched.
func TestRemakeLock(t *testing.T) {
	c := smallHome(t)
	want, err := useAll(c)
	must(t, err)
	must(t, os.Remove(filepath.Join(c.Home, partitionsName, "1", lockFile)))
	if _, err := useAll(c); err == nil || !strings.Contains(err.Error(), "coffer check --repair") {
		t.Errorf("without it: %v", err)
	}
	if r := mustCheck(t, c, CheckOptions{}); r.Sound() {
		t.Error("not found")
	}
	r := mustCheck(t, c, CheckOptions{Repair: true})
	if f := findingOf(t, r, lockFile, "missing"); !r.Sound() || f.Mended == "" || r.Quarantine != "" {
		t.Errorf("%+v", r)
	}
	if got, err := useAll(c); err != nil || !maps.Equal(got, want) {
		t.Errorf("afterwards: %v", err)
	}
}

// A partition that was copied is opened once, in the lower slot; check says which has
// changed last; with the other gone the copy is opened.
func TestCopiedPartition(t *testing.T) {
	c := smallHome(t)
	h := home{dir: c.Home}
	must(t, storetest.CopyTree(h.partitionDir(1), h.partitionDir(7)))
	m := open(t, c)
	if err := m.partitions[1].Err(); err != nil {
		t.Error(err)
	}
	if err := m.partitions[7].Err(); ck.Code(err) != ck.CKR_DEVICE_ERROR || !strings.Contains(err.Error(), "copy of the partition in slot 1") {
		t.Errorf("the copy: %v", err)
	}
	if problems := m.Status().Problems; len(problems) != 1 {
		t.Errorf("the status tells of %q", problems)
	}
	loginAs(t, m, 1, userPIN) // a change
	r := mustCheck(t, c, CheckOptions{Partitions: []string{"7"}})
	if f := findingOf(t, r, `partition 7 ("one")`, "copy of the partition in slot 1"); r.Sound() || !strings.Contains(f.Advice, "--repair slot:7") {
		t.Errorf("%+v", f)
	}
	if r = mustCheck(t, c, CheckOptions{Repair: true, Partitions: []string{"one"}}); r.Sound() || !h.has(partitionsName, "7") {
		t.Error("it was moved without having been named by its slot")
	}
	must(t, os.Rename(h.partitionDir(1), t.TempDir()+"/1"))
	must(t, m.Refresh())
	if err := m.partitions[7].Err(); err != nil {
		t.Errorf("the copy that is left: %v", err)
	}
}

func TestCopiedPartitionMovedAside(t *testing.T) {
	c := smallHome(t)
	h := home{dir: c.Home}
	must(t, storetest.CopyTree(h.partitionDir(1), h.partitionDir(7)))
	if r := mustCheck(t, c, CheckOptions{Repair: true, Partitions: []string{"7"}}); !r.Sound() || h.has(partitionsName, "7") {
		t.Errorf("%+v", r)
	}
	if r := mustCheck(t, c, CheckOptions{}); !r.Sound() || len(r.Partitions) != 2 {
		t.Errorf("%+v", r)
	}
}
