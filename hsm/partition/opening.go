package partition

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/store"
)

const (
	openThreads   = 4      // at most: a host has other things to do
	openAtOnce    = 1000   // records that a thread opens between two looks at the rest
	progressAbove = 10_000 // records: opening fewer takes no time worth telling of
)

// sealedEntry is an entry and its record, which belongs to a transaction.
type sealedEntry struct {
	*entry
	sealed []byte
}

// openObjects opens the objects that are not open yet. tx is the transaction that they
// were loaded in. The caller holds p.mu for writing.
func (p *Partition) openObjects(tx store.Tx) error {
	var left []sealedEntry
	for id, b := range tx.All() {
		if e := p.objects[api.ObjectID(id)]; e.object == nil {
			left = append(left, sealedEntry{e, b})
		}
	}
	chunks := slices.Collect(slices.Chunk(left, openAtOnce))
	errs := make([]error, len(chunks))
	var next, done atomic.Int64
	work := func() {
		for i := next.Add(1) - 1; int(i) < len(chunks); i = next.Add(1) - 1 {
			errs[i] = p.openChunk(chunks[i])
			p.told(int(done.Add(int64(len(chunks[i])))), len(left))
		}
	}
	var threads sync.WaitGroup
	for range min(openThreads, runtime.GOMAXPROCS(0), len(chunks)) - 1 {
		threads.Go(work)
	}
	work()
	threads.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Partition) openChunk(chunk []sealedEntry) error {
	for _, e := range chunk {
		r, err := splitRecord(e.sealed)
		if err != nil {
			return err
		}
		k, err := p.rings.keyOf(&r)
		if err != nil {
			return err
		}
		if e.object, err = p.openObject(k, e.id, r); err != nil {
			return err
		}
	}
	return nil
}

// told tells who wants to know how far opening has come, if it may take a while.
func (p *Partition) told(done, total int) {
	if p.options.Progress != nil && total > progressAbove && (done%openAtOnce == 0 || done == total) {
		p.options.Progress(done, total)
	}
}
