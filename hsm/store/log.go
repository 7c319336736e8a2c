package store

import "encoding/binary"

// writeLog writes which records this transaction changed, and drops entries that
// are older than the log is to reach.
func (t *fileTx) writeLog() error {
	ids := t.sortedChanges()
	entry := make([]byte, 0, len(ids)*len(ID{}))
	for _, id := range ids {
		entry = append(entry, id[:]...)
	}
	t.written += len(entry)
	if err := t.log.Put(logKey(t.state.generation), entry); err != nil {
		return err
	}
	keep := uint64(t.store.o.Log)
	if t.state.generation <= keep {
		return nil
	}
	return t.pruneLog(t.state.generation - keep)
}

// pruneLog drops the entries up to a generation, a bounded number at a time.
func (t *fileTx) pruneLog(upTo uint64) error {
	const atOnce = 64
	c := t.log.Cursor()
	for range atOnce {
		k, _ := c.First()
		if len(k) != 8 || binary.BigEndian.Uint64(k) > upTo {
			return nil
		}
		if err := t.log.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

func logKey(generation uint64) []byte {
	return binary.BigEndian.AppendUint64(nil, generation)
}

func (t *fileTx) Changes(since uint64) ([]ID, bool) {
	last := t.state.generation
	if t.writable {
		last--
	}
	if since > last {
		return nil, false
	}
	t.inside = true
	ids, ok := t.readLog(since, last)
	t.inside = false
	return ids, ok
}

// readLog reads the entries after since up to last, all of which must be there.
func (t *fileTx) readLog(since, last uint64) (ids []ID, ok bool) {
	seen := map[ID]bool{}
	c := t.log.Cursor()
	k, v := c.Seek(logKey(since + 1))
	for g := since + 1; g <= last; g++ {
		t.mustBeWhole(k)
		t.mustBeWhole(v)
		if len(k) != 8 || binary.BigEndian.Uint64(k) != g || len(v)%len(ID{}) != 0 {
			return nil, false
		}
		for ; len(v) > 0; v = v[len(ID{}):] {
			if id := ID(v); !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
		k, v = c.Next()
	}
	return ids, true
}
