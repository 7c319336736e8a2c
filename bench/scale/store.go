package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/coffer-hsm/coffer/bench"
	"github.com/coffer-hsm/coffer/hsm/store"
)

const (
	recordSize = 1500 // of a sealed RSA key, about
	batch      = 1000 // records put in one transaction, to get to a size
	rounds     = 200  // of what is measured singly; the median counts
)

// row is something that is measured, in microseconds.
type row struct {
	name    string
	measure func(dir string, s store.Store) (time.Duration, error)
}

var rows = []row{
	{"insert", often(func(_ string, s store.Store) error { return s.Update(put(1)) })},
	{"change seen", often(func(_ string, s store.Store) error { return s.View(lastChange) })},
	{"get", often(func(_ string, s store.Store) error { return s.View(getOne) })},
	{"open", once(openAgain)},
	{"load all", once(func(_ string, s store.Store) error { return s.View(readAll) })},
	{"snapshot", once(func(_ string, s store.Store) error { return s.Snapshot(readAll) })},
}

// storePlot measures the store alone, without keys or encryption.
func storePlot(c context) ([]plot, error) {
	dir := filepath.Join(c.folder, "store")
	s, err := store.CreateFile(dir, store.Options{})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	p := bench.Plot{Title: "The store: µs by number of records of 1.5 kB", XName: "records", YName: "µs", Slope: true}
	for _, n := range sizes {
		if err := fill(s, n); err != nil {
			return nil, err
		}
		p.X = append(p.X, float64(n))
		for _, r := range rows {
			took, err := r.measure(dir, s)
			if err != nil {
				return nil, fmt.Errorf("%s at %d: %w", r.name, n, err)
			}
			p.Add(r.name, microseconds(took))
		}
	}
	return []plot{{"store", p}}, nil
}

// often is the median time of many calls.
func often(f func(string, store.Store) error) func(string, store.Store) (time.Duration, error) {
	return func(dir string, s store.Store) (time.Duration, error) {
		return median(rounds, func() error { return f(dir, s) })
	}
}

// once is that of a few, of what takes long.
func once(f func(string, store.Store) error) func(string, store.Store) (time.Duration, error) {
	return func(dir string, s store.Store) (time.Duration, error) {
		return median(3, func() error { return f(dir, s) })
	}
}

// fill puts records until there are n.
func fill(s store.Store, n int) error {
	for {
		have := 0
		if err := s.View(func(x store.Tx) error { have = x.Len(); return nil }); err != nil || have >= n {
			return err
		}
		if err := s.Update(put(min(batch, n-have))); err != nil {
			return err
		}
	}
}

// put puts n records under new names.
func put(n int) func(store.Tx) error {
	return func(x store.Tx) error {
		for range n {
			var id store.ID
			record := make([]byte, recordSize)
			rand.Read(id[:])
			rand.Read(record)
			if err := x.Put(id, record); err != nil {
				return err
			}
		}
		return nil
	}
}

// lastChange is what another process does that has missed one commit.
func lastChange(x store.Tx) error {
	ids, ok := x.Changes(x.Generation() - 1)
	if !ok || x.Len() == 0 {
		return errors.New("the log does not reach back by one")
	}
	for _, id := range ids {
		x.Get(id)
	}
	return nil
}

func getOne(x store.Tx) error {
	var id store.ID
	rand.Read(id[:])
	x.Get(id)
	return nil
}

func readAll(x store.Tx) error {
	sum := 0
	for _, r := range x.All() {
		sum += len(r)
	}
	if sum < x.Len()*recordSize {
		return errors.New("records are missing")
	}
	return nil
}

func openAgain(dir string, _ store.Store) error {
	s, err := store.OpenFile(dir, store.Options{})
	if err != nil {
		return err
	}
	return s.Close()
}
