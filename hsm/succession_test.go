package hsm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// sealedHome is one with a partition and without root.key: a passphrase opens it, and a
// key file.
func sealedHome(t *testing.T) Config {
	t.Helper()
	c := newHome(t, cheapPINs)
	_, err := InitSealed(c, "stick", keyFileSeal(t))
	must(t, err)
	_, err = open(t, c).Create("demo", soPIN, userPIN)
	must(t, err)
	must(t, openSeals(t, c).Add("ops", passphrase(t, "correct horse")))
	return c
}

// typed is a person who gives this passphrase.
func typed(text string) func(*seal.Slot, string) (*seal.Sealer, error) {
	return func(former *seal.Slot, _ string) (*seal.Sealer, error) {
		key, err := seal.PassphraseKey(former, secret.From([]byte(text)))
		if err != nil {
			return nil, err
		}
		return &seal.Sealer{Kind: former.Kind, Params: former.Params, Key: key}, nil
	}
}

// opensWith checks that the copy ops opens the home with a passphrase.
func opensWith(t *testing.T, c Config, text string) {
	t.Helper()
	slot, err := openSeals(t, c).Get("ops")
	must(t, err)
	key, err := seal.PassphraseKey(slot, secret.From([]byte(text)))
	must(t, err)
	root, err := slot.Open(key)
	must(t, err)
	root.Zero()
}

// neverInTheClear fails if some file of the home holds a root key as it is.
func neverInTheClear(t *testing.T, c Config, when string) {
	t.Helper()
	must(t, filepath.WalkDir(c.Home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte("coffer root key, version")) {
			t.Errorf("%s: %s holds a root key", when, path)
		}
		return err
	}))
}

// checkSealed checks that a change has come to its end, and nothing is left of it.
func checkSealed(t *testing.T, c Config) {
	t.Helper()
	m := open(t, c)
	print := fingerprint(t, c)
	for slot, p := range m.partitions {
		must(t, p.CheckSO(soPIN))
		if roots := p.Roots(); len(roots) != 1 || roots[0] != print {
			t.Errorf("slot %d is under %v, want %s", slot, roots, print)
		}
	}
	if problems := m.Status().Problems; len(problems) > 0 {
		t.Errorf("the status tells of %q", problems)
	}
	report, err := Check(c, CheckOptions{})
	if err != nil || len(report.Findings) > 0 {
		t.Errorf("check: %v, %v", report.Findings, err)
	}
	opensWith(t, c, "correct horse")
	neverInTheClear(t, c, "at the end")
}

// TestRotateSealed changes the root key of a home that has none in the clear, twice.
func TestRotateSealed(t *testing.T) {
	c := sealedHome(t)
	m := open(t, c)
	for range 2 {
		before := fingerprint(t, c)
		must(t, m.RotateRoot(t.Context(), Rotation{Sealer: typed("correct horse")}))
		if fingerprint(t, c) == before {
			t.Error("the root key is the old one")
		}
		checkSealed(t, c)
		if roots, err := openSeals(t, c).home.slots().Roots(); err != nil || len(roots) != 1 {
			t.Errorf("copies of %v, %v", roots, err)
		}
	}
}

// TestRotateSealedRefuses: before anything is written.
func TestRotateSealedRefuses(t *testing.T) {
	c := sealedHome(t)
	before := fingerprint(t, c)
	for name, x := range map[string]struct {
		r    Rotation
		want error
	}{
		"nobody is there":    {Rotation{}, seal.ErrAttended},
		"another passphrase": {Rotation{Sealer: typed("wrong horse")}, seal.ErrSlotKey},
		"nothing is left":    {Rotation{LeaveOut: []string{"ops", "stick"}}, nil},
		"a person gives up": {Rotation{Sealer: func(*seal.Slot, string) (*seal.Sealer, error) {
			return nil, context.Canceled
		}}, context.Canceled},
	} {
		err := open(t, c).RotateRoot(t.Context(), x.r)
		if err == nil || x.want != nil && !errors.Is(err, x.want) {
			t.Errorf("%s: %v", name, err)
		}
		if fingerprint(t, c) != before || (home{dir: c.Home}).rotating() {
			t.Errorf("%s: begun all the same", name)
		}
	}
	must(t, open(t, c).RotateRoot(t.Context(), Rotation{LeaveOut: []string{"ops"}}))
	if names, err := open(t, c).FormerSeals(); err != nil || len(names) != 1 || names[0] != "ops" {
		t.Errorf("left are %v, %v", names, err)
	}
}

// steps are those of a change that can be cut off, and whether it has begun by then.
var steps = []struct {
	name  string
	begun bool
}{{"staged", false}, {"begun", true}, {"sealed", true}, {"partitions", true}, {"changed over", true}, {"adopted", false}}

var errCut = errors.New("cut off")

// cutAt changes the root key up to a step.
func cutAt(t *testing.T, c Config, step string, r Rotation) {
	t.Helper()
	r.step = func(done string) error {
		neverInTheClear(t, c, done)
		if done == step {
			return errCut
		}
		return nil
	}
	if err := open(t, c).RotateRoot(t.Context(), r); !errors.Is(err, errCut) {
		t.Fatalf("%s: %v", step, err)
	}
}

// TestRotateSealedCutOff ends the change at each step: the home opens without a person,
// and the change comes to its end without one.
func TestRotateSealedCutOff(t *testing.T) {
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			c := sealedHome(t)
			cutAt(t, c, step.name, Rotation{Sealer: typed("correct horse")})
			m := open(t, c)
			must(t, m.partitions[1].CheckSO(soPIN))
			opensWith(t, c, "correct horse")
			if (home{dir: c.Home}).rotating() != step.begun {
				t.Error("begun or not?")
			}
			if step.begun {
				if err := openSeals(t, c).Remove("ops"); err == nil || !strings.Contains(err.Error(), "being changed") {
					t.Errorf("a copy is removed in between: %v", err)
				}
			}
			_, err := m.Create("between", soPIN, nil)
			must(t, err)
			r := Rotation{}
			if !step.begun {
				r.Sealer = typed("correct horse") // it begins anew
			}
			must(t, m.RotateRoot(t.Context(), r))
			checkSealed(t, c)
		})
	}
}

// TestRotateRestart gives a change up: what the next root key was sealed with is of no
// use any more, and the home keeps its own until the next change.
func TestRotateRestart(t *testing.T) {
	for _, step := range steps {
		if !step.begun {
			continue
		}
		c := sealedHome(t)
		cutAt(t, c, step.name, Rotation{Sealer: typed("correct horse")})
		r := Rotation{Sealer: typed("correct horse"), Restart: true}
		err := open(t, c).RotateRoot(t.Context(), r)
		if over := step.name == "changed over"; over != (err != nil) {
			t.Errorf("%s: %v", step.name, err)
		} else if !over {
			checkSealed(t, c)
		}
	}
}

// TestRotateLostCopies: without a copy of the next root key the home is not changed over
// to it.
func TestRotateLostCopies(t *testing.T) {
	c := sealedHome(t)
	before := fingerprint(t, c)
	cutAt(t, c, "sealed", Rotation{Sealer: typed("correct horse")})
	h := home{dir: c.Home}
	name, err := h.nextName()
	must(t, err)
	must(t, h.slots().Drop(name))
	if err := open(t, c).RotateRoot(t.Context(), Rotation{}); err == nil {
		t.Fatal("changed over to a root key that nothing gives")
	}
	if err := h.opensNext(name); !errors.Is(err, seal.ErrSlotMissing) {
		t.Error(err)
	}
	if fingerprint(t, c) != before {
		t.Error("changed over")
	}
	must(t, open(t, c).RotateRoot(t.Context(), Rotation{Sealer: typed("correct horse"), Restart: true}))
	checkSealed(t, c)
}

// TestRotateHolds: a home that is unlocked stays so, at every step.
func TestRotateHolds(t *testing.T) {
	c := newHome(t, cheapPINs)
	_, err := InitSealed(c, "ops", passphrase(t, "correct horse"))
	must(t, err)
	s := openSeals(t, c)
	slot, err := s.Get("ops")
	must(t, err)
	key, err := seal.PassphraseKey(slot, secret.From([]byte("correct horse")))
	must(t, err)
	_, err = s.Unlock("ops", key, time.Minute)
	must(t, err)
	_, err = open(t, c).Create("demo", soPIN, userPIN)
	must(t, err)
	r := Rotation{Sealer: typed("correct horse"), Hold: time.Minute}
	r.step = func(done string) error {
		if m, err := Open(c); err != nil || m.partitions[1].Err() != nil {
			t.Errorf("%s: %v", done, err)
		}
		return nil
	}
	must(t, open(t, c).RotateRoot(t.Context(), r))
	if now := openSeals(t, c); now.Held() == "" || s.Held() != "" {
		t.Error("the new root key is not unlocked, or the old one is")
	}
	checkSealed(t, c)
}

// TestRotateTakesPassphrases: also where root.key would do.
func TestRotateTakesPassphrases(t *testing.T) {
	c := newHome(t, cheapPINs)
	_, err := open(t, c).Create("demo", soPIN, userPIN)
	must(t, err)
	must(t, openSeals(t, c).Add("ops", passphrase(t, "correct horse")))
	if err := open(t, c).RotateRoot(t.Context(), Rotation{Sealer: typed("wrong horse")}); !errors.Is(err, seal.ErrSlotKey) {
		t.Errorf("another passphrase: %v", err)
	}
	must(t, open(t, c).RotateRoot(t.Context(), Rotation{Sealer: typed("correct horse")}))
	opensWith(t, c, "correct horse")
	if names, err := open(t, c).FormerSeals(); err != nil || len(names) != 0 {
		t.Errorf("left are %v, %v", names, err)
	}
	nobody := func(*seal.Slot, string) (*seal.Sealer, error) { return nil, fmt.Errorf("away: %w", seal.ErrAttended) }
	must(t, open(t, c).RotateRoot(t.Context(), Rotation{Sealer: nobody}))
	if names, err := open(t, c).FormerSeals(); err != nil || len(names) != 1 {
		t.Errorf("left are %v, %v", names, err)
	}
}

// TestRotateResumedByPerson: where only a passphrase opens the home, and it is locked
// again, the same passphrase opens the next root key and finishes the change.
func TestRotateResumedByPerson(t *testing.T) {
	for _, step := range steps {
		if !step.begun {
			continue
		}
		c := newHome(t, cheapPINs)
		_, err := InitSealed(c, "ops", passphrase(t, "correct horse"))
		must(t, err)
		attended := c
		attended.Methods = seal.Methods{seal.KindPassphrase: person("correct horse")}
		_, err = open(t, attended).Create("demo", soPIN, userPIN)
		must(t, err)
		cutAt(t, attended, step.name, Rotation{})
		_, err = Open(c)
		if locked := (*seal.NotOpened)(nil); !errors.As(err, &locked) || !locked.Attended {
			t.Errorf("%s: without a person: %v", step.name, err)
		}
		must(t, open(t, attended).RotateRoot(t.Context(), Rotation{}))
		checkSealed(t, attended)
	}
}

// person is a seal.Method: somebody who gives this passphrase.
type person string

func (p person) Key(s *seal.Slot) (*secret.Bytes, error) {
	return seal.PassphraseKey(s, secret.From([]byte(p)))
}

// TestRotateBegunByEarlier: an earlier program made root.next first, and the copies of it
// after the partitions.
func TestRotateBegunByEarlier(t *testing.T) {
	c := newHome(t, cheapPINs)
	_, err := open(t, c).Create("demo", soPIN, userPIN)
	must(t, err)
	must(t, openSeals(t, c).Add("stick", keyFileSeal(t)))
	must(t, seal.CreateKeyFile(filepath.Join(c.Home, nextRootName)))
	must(t, open(t, c).RotateRoot(t.Context(), Rotation{}))
	s := openSeals(t, c)
	must(t, s.Remove(RootKeyName))
	if m := open(t, c); m.partitions[1].Err() != nil || m.home.rotating() {
		t.Error(m.partitions[1].Err())
	}
}

// TestChanging: a change that was cut off is told of at each step, with its copies, and a
// copy of the next root key that was damaged meanwhile is found.
func TestChanging(t *testing.T) {
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			c := sealedHome(t)
			before := fingerprint(t, c)
			if change, err := openSeals(t, c).Changing(); change != nil || err != nil {
				t.Fatalf("before: %+v, %v", change, err)
			}
			cutAt(t, c, step.name, Rotation{Sealer: typed("correct horse")})
			change, err := openSeals(t, c).Changing()
			must(t, err)
			if (change != nil) != step.begun {
				t.Fatalf("begun: %t, told of %+v", step.begun, change)
			}
			if change == nil {
				return
			}
			over := fingerprint(t, c) != before
			if change.Known != nil || change.Next == before || change.Over != over || len(change.Copies) != 2 {
				t.Errorf("changed over: %t, told of %+v", over, change)
			}
			if r, err := Check(c, CheckOptions{}); err != nil || !r.Sound() {
				t.Errorf("check: %v, %+v", err, r)
			}
			path := (home{dir: c.Home}).slots().Path(change.Next, "ops")
			if _, err := os.Stat(path); err != nil {
				path = (home{dir: c.Home}).staged().Path(change.Next, "ops")
			}
			must(t, os.WriteFile(path, []byte("coffer sealed root key, version 1\n"), 0o600))
			if r, err := Check(c, CheckOptions{}); err != nil || r.Sound() {
				t.Errorf("a damaged copy of the next root key is not found: %v", err)
			}
		})
	}
}

// TestLeaveOutNobody: a name that no copy has is not taken for one that is left out.
func TestLeaveOutNobody(t *testing.T) {
	c := sealedHome(t)
	before := fingerprint(t, c)
	err := open(t, c).RotateRoot(t.Context(), Rotation{Sealer: typed("correct horse"), LeaveOut: []string{"ops", "opps"}})
	if !errors.Is(err, ErrNoCopy) || !strings.Contains(err.Error(), `"opps"`) {
		t.Errorf("%v", err)
	}
	if fingerprint(t, c) != before || (home{dir: c.Home}).rotating() {
		t.Error("a change was begun")
	}
}
