package audit

import (
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"
)

// edge is all of a tree that is needed to let it grow: the hashes of its greatest
// complete subtrees, one for each bit that is set in the number of records.
type edge struct {
	size  int64
	level [63]tlog.Hash
}

// ReadHashes serves tlog, which asks an edge for nothing else when records are added
// or the tree is hashed.
func (e *edge) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		if level >= len(e.level) || n != e.size>>level-1 || e.size>>level&1 == 0 {
			return nil, fmt.Errorf("audit: hash %d at level %d is not at the edge of %d records", n, level, e.size)
		}
		hashes[i] = e.level[level]
	}
	return hashes, nil
}

// push adds a record, by the hash of its leaf, and returns the hashes to be stored.
func (e *edge) push(leaf tlog.Hash) ([]tlog.Hash, error) {
	hashes, err := tlog.StoredHashesForRecordHash(e.size, leaf, e)
	if err != nil {
		return nil, err
	}
	copy(e.level[:], hashes[:len(hashes)])
	e.size++
	return hashes, nil
}

// root is the hash of the tree.
func (e *edge) root() (tlog.Hash, error) { return tlog.TreeHash(e.size, e) }

// hashFile reads stored hashes from a file.
type hashFile struct{ io.ReaderAt }

// ReadHashes implements tlog.HashReader.
func (f hashFile) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if _, err := f.ReadAt(hashes[i][:], index*tlog.HashSize); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

// load reads the edge of a tree of size records.
func (f hashFile) load(size int64) (*edge, error) {
	e := &edge{size: size}
	for level := range e.level {
		if size>>level&1 == 0 {
			continue
		}
		h, err := f.ReadHashes([]int64{tlog.StoredHashIndex(level, size>>level-1)})
		if err != nil {
			return nil, err
		}
		e.level[level] = h[0]
	}
	return e, nil
}
