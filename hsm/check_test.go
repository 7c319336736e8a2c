package hsm

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/store"
)

func mustCheck(t *testing.T, c Config, o CheckOptions) *Report {
	t.Helper()
	r, err := Check(c, o)
	must(t, err)
	return r
}

// with is a login for Check.
func with(pin []byte) func(string) (Login, error) {
	return func(string) (Login, error) { return Login{User: ck.CKU_USER, PIN: secret.From(bytes.Clone(pin))}, nil }
}

// A sound home is found to be, nothing in it is changed, and with a PIN everything is
// opened. A PIN that is wrong is counted.
func TestCheckSound(t *testing.T) {
	c := smallHome(t)
	sum := unchanged(t, c.Home)
	r := mustCheck(t, c, CheckOptions{})
	if !r.Sound() || len(r.Findings) != 0 || len(r.Partitions) != 2 || r.Partitions[0].Records != 4 || r.Partitions[0].Unopened != 2 {
		t.Errorf("%+v", r)
	}
	if sum != unchanged(t, c.Home) {
		t.Error("the home was changed")
	}
	r = mustCheck(t, c, CheckOptions{PIN: with(userPIN), Partitions: []string{"one"}})
	if !r.Sound() || len(r.Partitions) != 1 || r.Partitions[0].Unopened != 0 {
		t.Errorf("%+v", r)
	}
	if r = mustCheck(t, c, CheckOptions{PIN: with([]byte("wrong"))}); r.Sound() {
		t.Error("a wrong PIN is nothing")
	}
	if info := open(t, c).partitions[1].Info(); info.Flags&ck.CKF_USER_PIN_COUNT_LOW == 0 {
		t.Error("a wrong PIN was not counted")
	}
}

// A log that is damaged is found, and what was torn off its end is no damage.
func TestCheckAuditLog(t *testing.T) {
	c := smallHome(t)
	dir := filepath.Join(c.Home, partitionsName, "1", auditName)
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	must(t, err)
	for _, test := range []struct {
		text  string
		sound bool
	}{
		{"", true},
		{`{"v":1,"seq":0,"time`, true},
		{"something else\n", false},
	} {
		must(t, os.WriteFile(filepath.Join(dir, "log"), append(bytes.Clone(log), test.text...), 0o600))
		if r := mustCheck(t, c, CheckOptions{}); r.Sound() != test.sound {
			t.Errorf("%q: %+v", test.text, r)
		}
	}
}

// spoilStore changes what is stored in a partition behind its back.
func spoilStore(t *testing.T, c Config, slot string, spoil func(tx store.Tx) error) {
	t.Helper()
	st, err := store.OpenFile(filepath.Join(c.Home, partitionsName, slot), store.Options{})
	must(t, err)
	defer st.Close()
	must(t, st.Update(spoil))
}

// spoilFile flips the last bit of something stored, in the file: a change by way of the
// store would be of another generation than the state.
func spoilFile(t *testing.T, c Config, what func(store.Tx) []byte) {
	t.Helper()
	dir := filepath.Join(c.Home, partitionsName, "1")
	st, err := store.OpenFile(dir, store.Options{})
	must(t, err)
	defer st.Close()
	var want []byte
	must(t, st.View(func(tx store.Tx) error { want = append(want, what(tx)...); return nil }))
	path := filepath.Join(dir, dataFile)
	b, err := os.ReadFile(path)
	must(t, err)
	text := strings.ReplaceAll(string(b), string(want), string(append(want[:len(want)-1:len(want)-1], want[len(want)-1]^1)))
	if text == string(b) {
		t.Fatal("it is not in the file")
	}
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

func firstRecord(kind byte) func(tx store.Tx) []byte {
	return func(tx store.Tx) []byte {
		for _, b := range tx.All() {
			if b[1] == kind {
				return b
			}
		}
		return nil
	}
}

func meta(name string) func(tx store.Tx) []byte {
	return func(tx store.Tx) []byte { b, _ := tx.Meta(name); return b }
}

// TestRepair: what is damaged is moved aside in full, what is sound stays, and only
// what was named is given up.
func TestRepair(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, c Config)
		o     CheckOptions
		sound bool // after the repair
		left  int  // objects, where that is so
		lines int  // in the quarantine's file
	}{
		{"a public record", func(t *testing.T, c Config) { spoilFile(t, c, firstRecord(0)) }, CheckOptions{PIN: with(userPIN)}, true, 3, 2},
		{"a public record, without a PIN", func(t *testing.T, c Config) { spoilFile(t, c, firstRecord(0)) }, CheckOptions{}, false, 0, 0},
		{"a private record, without a PIN", func(t *testing.T, c Config) { spoilFile(t, c, firstRecord(1)) }, CheckOptions{}, false, 0, 0},
		{"a private record, named without a PIN", func(t *testing.T, c Config) { spoilFile(t, c, firstRecord(1)) },
			CheckOptions{Partitions: []string{"one"}}, false, 0, 0},
		{"a private record", func(t *testing.T, c Config) { spoilFile(t, c, firstRecord(1)) }, CheckOptions{PIN: with(userPIN)}, true, 3, 2},
		{"the PIN policy", func(t *testing.T, c Config) { spoilFile(t, c, meta("pin-policy")) }, CheckOptions{}, false, 0, 0},
		{"the PIN policy, of a partition that is named", func(t *testing.T, c Config) { spoilFile(t, c, meta("pin-policy")) },
			CheckOptions{Partitions: []string{"one"}}, true, 4, 2},
		{"a PIN's record", func(t *testing.T, c Config) { spoilFile(t, c, meta("auth-so")) }, CheckOptions{}, false, 0, 0},
		{"the state", func(t *testing.T, c Config) { spoilFile(t, c, meta("state")) }, CheckOptions{}, false, 0, 0},
		{"the state, of a partition that is named", func(t *testing.T, c Config) { spoilFile(t, c, meta("state")) },
			CheckOptions{Partitions: []string{"1"}}, true, 0, 0},
		{"a head of the file", spoilHead, CheckOptions{}, false, 0, 0},
		{"a head of the file, of a partition that is named", spoilHead, CheckOptions{Partitions: []string{"one"}}, true, 4, 0},
		{"the lock file", spoilLock, CheckOptions{}, false, 0, 0},
		{"the lock file, of a partition that is named", spoilLock, CheckOptions{Partitions: []string{"one"}}, true, 4, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := smallHome(t)
			all, err := useAll(c)
			must(t, err)
			test.spoil(t, c)
			damaged := takeImage(t, c.Home)
			if mustCheck(t, c, CheckOptions{PIN: test.o.PIN}).Sound() {
				t.Fatal("it is not found")
			}
			test.o.Repair = true
			r := mustCheck(t, c, test.o)
			if r.Sound() != test.sound {
				t.Fatalf("after the repair: %+v", r)
			}
			if !test.sound {
				if n := asideLines(t, r.Quarantine); n != 0 {
					t.Errorf("%d things were moved", n)
				}
				for path, b := range damaged {
					if isHomeLog(c, path) {
						continue // it tells of the attempt
					}
					if now, err := os.ReadFile(path); err != nil || string(now) != string(b) && filepath.Base(path) != lockFile {
						t.Errorf("%s was changed", path)
					}
				}
				return
			}
			if n := asideLines(t, r.Quarantine); n != test.lines {
				t.Errorf("%d things were moved, want %d: %+v", n, test.lines, r)
			}
			got, err := useAll(c)
			must(t, err)
			left := 0
			for id, what := range got {
				if all[id] != what {
					t.Errorf("%s became %s", all[id], what)
				}
				if strings.HasPrefix(id, "one") && what != "built in" {
					left++
				}
			}
			if left != test.left {
				t.Errorf("%d objects are left, want %d", left, test.left)
			}
			if again := mustCheck(t, c, CheckOptions{PIN: test.o.PIN}); !again.Sound() {
				t.Errorf("checked again: %+v", again)
			}
		})
	}
}

// TestRepairLeavesAPIN: the records of PINs are not taken out where none would be left,
// and the partition is moved as a whole if it is named.
func TestRepairLeavesAPIN(t *testing.T) {
	c := smallHome(t)
	spoilFile(t, c, meta("auth-so"))
	spoilFile(t, c, meta("auth-user"))
	if r := mustCheck(t, c, CheckOptions{Repair: true}); r.Sound() || asideLines(t, r.Quarantine) != 0 {
		t.Errorf("not named: %+v", r)
	}
	r := mustCheck(t, c, CheckOptions{Repair: true, Partitions: []string{"1"}})
	if _, err := os.Stat(filepath.Join(c.Home, partitionsName, "1")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("named: %v, %+v", err, r)
	}
}

// spoilHead damages the head of the state before the last one.
func spoilHead(t *testing.T, c Config) {
	path := filepath.Join(c.Home, partitionsName, "1", dataFile)
	b, err := os.ReadFile(path)
	must(t, err)
	at := 64
	if b[64] > b[4096+64] {
		at += 4096
	}
	b[at] ^= 0x80
	must(t, os.WriteFile(path, b, 0o600))
}

func spoilLock(t *testing.T, c Config) {
	must(t, os.WriteFile(filepath.Join(c.Home, partitionsName, "1", lockFile), []byte("not a lock"), 0o600))
}

// asideLines counts what a quarantine's file of partition 1 holds, each in full.
func asideLines(t *testing.T, dir string) (n int) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, partitionsName, "1.jsonl"))
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	must(t, err)
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); n++ {
		var line asideRecord
		must(t, json.Unmarshal(s.Bytes(), &line))
		if len(line.Content) < 32 || line.Why == "" || line.Object == "" && line.Value == "" {
			t.Errorf("%s", s.Text())
		}
	}
	return n
}

// A change behind the partition's back leaves no state that is of its generation: all
// of it is given up, and only when it is named.
func TestRepairForeignChange(t *testing.T) {
	c := smallHome(t)
	spoilStore(t, c, "1", func(tx store.Tx) error {
		for id := range tx.All() {
			return tx.Delete(id)
		}
		return nil
	})
	if r := mustCheck(t, c, CheckOptions{Repair: true}); r.Sound() || r.Quarantine != "" {
		t.Fatalf("%+v", r)
	}
	r := mustCheck(t, c, CheckOptions{Repair: true, Partitions: []string{"one"}})
	if !r.Sound() {
		t.Fatalf("%+v", r)
	}
	got, err := useAll(c)
	must(t, err)
	for id := range maps.Keys(got) {
		if strings.HasPrefix(id, "one") {
			t.Errorf("%s is still there", id)
		}
	}
	if _, err := os.Stat(filepath.Join(r.Quarantine, partitionsName, "1", dataFile)); err != nil {
		t.Error(err)
	}
}
