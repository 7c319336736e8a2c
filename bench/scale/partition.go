package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/coffer-hsm/coffer/bench"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
)

// partitionPlots measures a partition by its number of keys: time, and memory. A guess
// of the PIN is made cheap, so that the login is that of the keys.
func partitionPlots(c context) ([]plot, error) {
	home, err := newHome(c)
	if err != nil {
		return nil, err
	}
	times := bench.Plot{Title: "A partition: µs by number of keys", XName: "keys", YName: "µs", Slope: true}
	memory := bench.Plot{Title: "A partition: memory by number of keys, once open", XName: "keys", YName: "bytes"}
	for _, n := range sizes {
		if err := home.Grow(n); err != nil {
			return nil, err
		}
		times.X, memory.X = append(times.X, float64(n)), append(memory.X, float64(n))
		if err := openings(home, &times); err != nil {
			return nil, err
		}
		if err := measureOpen(home, n, &times, &memory); err != nil {
			return nil, fmt.Errorf("%d keys: %w", n, err)
		}
	}
	return []plot{{"partition", times}, {"partition-memory", memory}}, nil
}

func newHome(c context) (*bench.Home, error) {
	dir := filepath.Join(c.folder, "home")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return bench.NewHome(dir)
}

// openings measures how long a new process takes to see its keys.
func openings(home *bench.Home, times *bench.Plot) error {
	took, err := median(3, func() error {
		m, _, _, err := home.Open()
		if err != nil {
			return err
		}
		return m.Close()
	})
	times.Add("open + login", microseconds(took))
	return err
}

// measureOpen measures what there is once the partition is open.
func measureOpen(home *bench.Home, n int, times, memory *bench.Plot) error {
	before := heap()
	m, p, who, err := home.Open()
	if err != nil {
		return err
	}
	defer m.Close()
	memory.Add("a key", float64(heap()-before)/float64(n))
	ids, err := p.Find(who, ck.Template{ck.String(ck.CKA_LABEL, bench.Label(n/2))})
	if err != nil || len(ids) != 1 {
		return fmt.Errorf("found %d: %w", len(ids), err)
	}
	took, err := median(rounds, func() error { return createOne(p, who, n) })
	if err != nil {
		return err
	}
	times.Add("create a key", microseconds(took))
	return finds(p, who, searches(n/2, ids[0]), times)
}

// createOne makes a key and takes it away again: the median is of one number of keys.
func createOne(p *partition.Partition, who api.Caller, n int) error {
	id, err := p.CreateObject(who, bench.Key(n))
	if err != nil {
		return err
	}
	return p.DestroyObject(who, id)
}

// search is a way that clients look for one object.
type search struct {
	name string
	what ck.Template
}

// searches have one answer each, key number i, but for the class, which no object has.
func searches(i int, id api.ObjectID) []search {
	return []search{
		{"find label", ck.Template{ck.String(ck.CKA_LABEL, bench.Label(i))}},
		{"find ID", ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Bytes(ck.CKA_ID, bench.ID(i))}},
		{"find class", ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_CERTIFICATE)}},
		{"find UNIQUE_ID", ck.Template{ck.String(ck.CKA_UNIQUE_ID, fmt.Sprintf("%x", id[:]))}},
	}
}

// finds measures searches, a hundred at a time.
func finds(p *partition.Partition, who api.Caller, all []search, times *bench.Plot) error {
	const each = 100
	for _, s := range all {
		took, err := median(21, func() error {
			for range each {
				if found, err := p.Find(who, s.what); err != nil || len(found) > 1 {
					return errors.Join(err, fmt.Errorf("%s: %d", s.name, len(found)))
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		times.Add(s.name, microseconds(took)/each)
	}
	return nil
}

// heap is how much of it is in use, in bytes.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
