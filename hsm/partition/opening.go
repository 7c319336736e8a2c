package partition

import (
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

const (
	openThreads   = 4      // at most: a host has other things to do
	openAtOnce    = 1000   // records that a thread opens between two looks at the rest
	progressAbove = 10_000 // records: opening fewer takes no time worth telling of
)

// loader is what one thread needs to make entries of records.
type loader struct {
	p       *Partition
	tagger  *seal.Tagger
	openers map[*seal.Key]*seal.Opener
}

func (p *Partition) newLoader() *loader {
	return &loader{p, p.root.Tagger(), map[*seal.Key]*seal.Opener{}}
}

// entry makes the entry of a record, or finds it if there is one, the same bit by bit.
func (l *loader) entry(id api.ObjectID, b []byte) (*entry, error) {
	tag := l.tagger.Tag(id, b)
	if e := l.p.objects[id]; e != nil && e.tag == tag {
		return e, nil
	}
	r, err := splitRecord(b)
	if err != nil {
		return nil, err
	}
	e := newStored(id, r.born, tag)
	if err := l.open(e, r); err != nil {
		return nil, err
	}
	r.attributes, r.material = nil, slices.Clone(r.material)
	e.record = r
	return e, nil
}

// open opens the object of an entry, if there is a key.
func (l *loader) open(e *entry, r record) error {
	k, err := l.p.rings.keyOf(&r)
	if k == nil || err != nil {
		return err
	}
	opener := l.openers[k]
	if opener == nil {
		opener = k.Opener()
		l.openers[k] = opener
	}
	obj, err := l.p.openObject(opener, e.id, r)
	if err == nil {
		e.show(obj)
	}
	return err
}

// sealedEntry is a record, which belongs to a transaction, and its entry.
type sealedEntry struct {
	id     api.ObjectID
	sealed []byte
	*entry
}

// openAll makes the entries of all records.
func (p *Partition) openAll(tx store.Tx) ([]sealedEntry, error) {
	all := make([]sealedEntry, 0, tx.Len())
	for id, b := range tx.All() {
		all = append(all, sealedEntry{id: api.ObjectID(id), sealed: b})
	}
	return all, p.inChunks(all, func(l *loader, s *sealedEntry) (err error) {
		s.entry, err = l.entry(s.id, s.sealed)
		return err
	})
}

// openObjects opens the objects that are not open yet. tx is the transaction that they
// were loaded in. The caller holds p.mu for writing.
func (p *Partition) openObjects(tx store.Tx) error {
	var left []sealedEntry
	for id, b := range tx.All() {
		if e := p.objects[api.ObjectID(id)]; e.object == nil {
			left = append(left, sealedEntry{e.id, b, e})
		}
	}
	return p.inChunks(left, func(l *loader, s *sealedEntry) error {
		r, err := splitRecord(s.sealed)
		if err != nil {
			return err
		}
		return l.open(s.entry, r)
	})
}

// inChunks calls f for all records, by a few threads.
func (p *Partition) inChunks(all []sealedEntry, f func(*loader, *sealedEntry) error) error {
	chunks := slices.Collect(slices.Chunk(all, openAtOnce))
	var done atomic.Int64
	return inThreads(len(chunks), func(i int) error {
		l := p.newLoader()
		for j := range chunks[i] {
			if err := f(l, &chunks[i][j]); err != nil {
				return err
			}
		}
		p.told(int(done.Add(int64(len(chunks[i])))), len(all))
		return nil
	})
}

// inThreads calls f for 0 to n-1, by a few threads, and returns one of its errors. What
// a thread panics with is the caller's: the store knows a fault in its mapping.
func inThreads(n int, f func(i int) error) error {
	var next atomic.Int64
	errs, panics := make([]error, n), make([]any, n)
	one := func(i int) {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		defer func() { panics[i] = recover() }()
		errs[i] = f(i)
	}
	work := func() {
		for i := next.Add(1) - 1; int(i) < n; i = next.Add(1) - 1 {
			one(int(i))
		}
	}
	var threads sync.WaitGroup
	for range min(openThreads, runtime.GOMAXPROCS(0), n) - 1 {
		threads.Go(work)
	}
	work()
	threads.Wait()
	for i, err := range errs {
		if panics[i] != nil {
			panic(panics[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// told tells who wants to know how far opening has come, if it may take a while.
func (p *Partition) told(done, total int) {
	if p.options.Progress != nil && total > progressAbove {
		p.options.Progress(done, total)
	}
}
