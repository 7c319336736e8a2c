package hsm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/store"
)

// A list that says nothing is moved aside by a repair, with what it may have been about;
// until then nothing is changed, and nothing is swept away.
func TestDamagedRestoreList(t *testing.T) {
	for name, text := range map[string]string{
		"empty":      "",
		"newer":      "coffer-restore 3\n[]\n",
		"aside":      placingHead2 + `[{"from":".new-restored-0","slot":1,"serial":"","generation":1,"aside":"1.replaced-/../../x"}]`,
		"of another": placingHead2 + `[{"from":".new-restored-0","slot":1,"serial":"","generation":1,"aside":"2.replaced-x"}]`,
		"cut":        placingHead + `[{"from":".new-restored-0"`,
		"elsewhere":  placingHead + `[{"from":"../../x","slot":1,"serial":"","generation":1}]`,
		"a slot":     placingHead + `[{"from":"1","slot":2,"serial":"","generation":1}]`,
		"no slot":    placingHead + `[{"from":".new-restored-0","slot":0,"serial":"","generation":1}]`,
	} {
		t.Run(name, func(t *testing.T) {
			c := homeWith(t, "one")
			staged := filepath.Join(c.Home, partitionsName, newPrefix+"restored-0")
			if err := os.Mkdir(staged, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(c.Home, placingName), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			m := open(t, c)
			if problems := strings.Join(m.Status().Problems, "; "); !strings.Contains(problems, "check --repair") {
				t.Errorf("status tells %q", problems)
			}
			if _, err := m.Create("two", []byte("so-pin"), nil); err == nil || !strings.Contains(err.Error(), "check --repair") {
				t.Errorf("a partition is made: %v", err)
			}
			if _, err := os.Stat(staged); err != nil {
				t.Error(err)
			}
			if r, err := Check(c, CheckOptions{}); err != nil || r.Sound() {
				t.Errorf("it is found sound: %v", err)
			}
			if r, err := Check(c, CheckOptions{Repair: true}); err != nil || !r.Sound() || r.Quarantine == "" {
				t.Errorf("repair: %v, %+v", err, r)
			}
			if _, err := m.Create("two", []byte("so-pin"), nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a restore has left is put in place before the root key is changed, which it would
// not open under any more; a slot that was taken by hand is left to who has it.
func TestRestoreListFinished(t *testing.T) {
	c := homeWith(t, "one", "two")
	partitions := filepath.Join(c.Home, partitionsName)
	if err := os.Rename(filepath.Join(partitions, "2"), filepath.Join(partitions, newPrefix+"restored-0")); err != nil {
		t.Fatal(err)
	}
	h := home{dir: c.Home}
	if err := h.startPlacing([]placed{{From: newPrefix + "restored-0", Slot: 1, Generation: 1}}); err != nil {
		t.Fatal(err)
	}
	if r, err := Check(c, CheckOptions{}); err != nil || !r.Sound() || len(r.Findings) != 1 {
		t.Errorf("check: %v, %+v", err, r)
	}
	m := open(t, c)
	if err := m.RotateRoot(t.Context(), Rotation{}); err != nil {
		t.Fatal(err)
	}
	if p := m.partitions[2]; h.has(placingName) || p == nil || p.Err() != nil || len(p.Roots()) != 1 {
		t.Errorf("there are %v", m.partitions)
	}
}

// Who finishes a restore in the place of something waits for who writes to that, as the
// restore itself does.
func TestRestoreListWaits(t *testing.T) {
	c := homeWith(t, "one", "two")
	partitions := filepath.Join(c.Home, partitionsName)
	staged := filepath.Join(partitions, newPrefix+"restored-0")
	if err := errors.Join(os.Rename(filepath.Join(partitions, "2"), staged), markDir(staged, incomingName)); err != nil {
		t.Fatal(err)
	}
	h := home{dir: c.Home}
	if err := h.startPlacing([]placed{{From: filepath.Base(staged), Slot: 1, Generation: 1, Aside: "1.replaced-x"}}); err != nil {
		t.Fatal(err)
	}
	m := open(t, c)
	done := make(chan error)
	err := store.Still(filepath.Join(partitions, "1"), func() error {
		go func() {
			_, err := m.Create("three", []byte("so-pin"), nil)
			done <- err
		}()
		select {
		case err := <-done:
			return fmt.Errorf("it did not wait: %w", err)
		case <-time.After(300 * time.Millisecond):
		}
		if !h.has(partitionsName, filepath.Base(staged)) || h.has(partitionsName, "1", incomingName) {
			return errors.New("it was put in its place while somebody wrote to what is there")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !h.has(partitionsName, "1.replaced-x") || h.has(placingName) || m.partitions[1].Info().Label != "two" {
		t.Errorf("there are %v", m.partitions)
	}
}

// homeWith is a home with partitions.
func homeWith(t *testing.T, labels ...string) Config {
	t.Helper()
	c := newHome(t, cheapPINs)
	m := open(t, c)
	for _, label := range labels {
		if _, err := m.Create(label, []byte("so-pin"), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return c
}
