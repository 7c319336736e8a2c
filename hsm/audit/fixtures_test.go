package audit

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/store"
)

// testKey is a Key with the seed in the open.
type testKey byte

func (k testKey) private() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(k)}, ed25519.SeedSize))
}

func (k testKey) Public() (ed25519.PublicKey, error) {
	return k.private().Public().(ed25519.PublicKey), nil
}

func (k testKey) Sign(message []byte) ([]byte, error) { return ed25519.Sign(k.private(), message), nil }

const testName = "coffer-audit-test"

// twin stands for a partition: a store that commits an anchor, and its log.
type twin struct {
	t          testing.TB
	dir        string
	log        *Log
	anchor     Anchor // committed
	generation uint64 // committed
}

func newTwin(t testing.TB) *twin {
	w := &twin{t: t, dir: filepath.Join(t.TempDir(), "audit")}
	w.reopen()
	return w
}

// reopen is another process.
func (w *twin) reopen() {
	w.t.Helper()
	l, err := Open(w.dir, testName, testKey(1))
	if err != nil {
		w.t.Fatal(err)
	}
	l.WithStore(func() (Anchor, error) { return w.anchor, nil })
	w.log = l
}

// A fate is what becomes of a commit.
type fate int

const (
	committed    fate = iota
	refused           // the store says that nothing changed
	killedBefore      // killed before the commit
	killedAfter       // killed between commit and append
	uncertain         // the store cannot tell; it was committed
)

// act commits an act as a partition does.
func (w *twin) act(end fate, events ...Event) error {
	if len(events) == 0 {
		events = []Event{{Act: Generate, Who: "user", Object: [16]byte{1}}}
	}
	p, err := w.log.Prepare(w.anchor, w.generation+1, events)
	if err != nil {
		return err
	}
	if end != refused && end != killedBefore {
		w.anchor, w.generation = p.Anchor(), w.generation+1
	}
	switch end {
	case committed:
		p.Done(nil)
	case refused:
		p.Done(errors.New("refused"))
	case uncertain:
		p.Done(&store.FileError{Kind: store.ErrUncertain})
	default:
		p.hold.release()
		w.reopen()
	}
	return nil
}

func (w *twin) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// verify demands a sound log and returns its records.
func (w *twin) verify(since ...Checkpoint) []Record {
	w.t.Helper()
	_, err := Verify(w.dir, w.log.Verifier(), since...)
	w.must(err)
	return w.records()
}

func (w *twin) records() (all []Record) {
	w.t.Helper()
	for r, err := range Read(w.dir, 0) {
		w.must(err)
		all = append(all, r)
	}
	return all
}

func (w *twin) file(name string) string { return filepath.Join(w.dir, name) }

func (w *twin) read(name string) []byte {
	w.t.Helper()
	b, err := os.ReadFile(w.file(name))
	w.must(err)
	return b
}

func (w *twin) write(name string, b []byte) {
	w.t.Helper()
	w.must(os.WriteFile(w.file(name), b, 0o600))
}

func (w *twin) checkpoint() Checkpoint {
	w.t.Helper()
	c, ok, err := w.log.Checkpoint()
	w.must(err)
	if !ok {
		w.t.Fatal("no checkpoint")
	}
	return c
}
