package partition

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// rootWrap is the partition root as one root key gives it: an entry of metaRoots.
type rootWrap struct {
	Root string `json:"root"`           // fingerprint
	Wrap []byte `json:"wrap,omitempty"` // absent: derived from the root key
}

// errOtherRoot is the answer to a root key that does not open the partition.
var errOtherRoot = ck.Errorf(ck.CKR_TOKEN_NOT_RECOGNIZED, "the partition is not sealed under this root key")

func wrapRoot(root *seal.Root, keys *seal.PartitionRoot) (rootWrap, error) {
	name, err := root.Fingerprint()
	if err != nil {
		return rootWrap{}, err
	}
	wrap, err := root.WrapPartition(keys)
	return rootWrap{name, wrap}, err
}

// openRoot reads which partition this claims to be and opens its root with the root
// key. There is no key to check the claim with before: load does, with this one.
func openRoot(tx store.Tx, root *seal.Root) (id [16]byte, keys *seal.PartitionRoot, name string, err error) {
	if id, err = readPartitionID(tx); err != nil {
		return id, nil, "", err
	}
	if name, err = root.Fingerprint(); err != nil {
		return id, nil, "", err
	}
	roots, err := readRoots(tx)
	if err != nil {
		return id, nil, "", err
	}
	if roots == nil {
		return id, root.Partition(id), name, nil
	}
	i := slices.IndexFunc(roots, func(r rootWrap) bool { return r.Root == name })
	switch {
	case i < 0:
		return id, nil, "", errOtherRoot
	case roots[i].Wrap == nil:
		return id, root.Partition(id), name, nil
	}
	if keys, err = root.UnwrapPartition(id, roots[i].Wrap); err != nil {
		return id, nil, "", damaged("value %q: %w", metaRoots, err)
	}
	return id, keys, name, nil
}

// readRoots reads metaRoots, unchecked; nil if there is none.
func readRoots(tx store.Tx) ([]rootWrap, error) {
	value, ok := tx.Meta(metaRoots)
	if !ok {
		return nil, nil
	}
	payload, _, err := splitMeta(metaRoots, value)
	if err != nil {
		return nil, err
	}
	return decodeRoots(payload)
}

func decodeRoots(payload []byte) (roots []rootWrap, err error) {
	if err := json.Unmarshal(payload, &roots); err != nil || len(roots) == 0 {
		return nil, damaged("value %q is not a list of root keys", metaRoots)
	}
	return roots, nil
}

// Roots lists the fingerprints of the root keys that open the partition, as last
// loaded: one, or more while the home's root key is being changed.
func (p *Partition) Roots() []string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	roots, err := decodeRoots(p.metas[metaRoots].payload)
	if err != nil {
		return []string{p.rootName}
	}
	var names []string
	for _, r := range roots {
		names = append(names, r.Root)
	}
	return names
}

// AddRoot seals the partition's own root under another root key as well, which opens
// it from then on. To do it twice does no harm.
func (p *Partition) AddRoot(root *seal.Root) error {
	add, err := wrapRoot(root, p.root)
	if err != nil {
		return err
	}
	return p.changeRoots(func(roots []rootWrap) ([]rootWrap, error) {
		if slices.ContainsFunc(roots, func(r rootWrap) bool { return r.Root == add.Root }) {
			return roots, nil
		}
		return append(roots, add), nil
	})
}

// KeepRoot drops every other root key than this one, which must open the partition:
// CKR_TOKEN_NOT_RECOGNIZED. To do it twice does no harm.
func (p *Partition) KeepRoot(root *seal.Root) error {
	keep, err := root.Fingerprint()
	if err != nil {
		return err
	}
	return p.changeRoots(func(roots []rootWrap) ([]rootWrap, error) {
		kept := slices.DeleteFunc(slices.Clone(roots), func(r rootWrap) bool { return r.Root != keep })
		if len(kept) == 0 {
			return nil, errOtherRoot
		}
		return kept, nil
	})
}

// changeRoots writes metaRoots anew, if change makes another list of it.
func (p *Partition) changeRoots(change func([]rootWrap) ([]rootWrap, error)) error {
	if err := p.sync(); err != nil {
		return err
	}
	err := p.update(func(w *writer) error {
		payload, _, err := p.readMeta(w.tx, metaRoots)
		if err != nil {
			return err
		}
		old := []rootWrap{{Root: p.rootName}}
		if payload != nil {
			if old, err = decodeRoots(payload); err != nil {
				return err
			}
		}
		roots, err := change(old)
		if err != nil || len(roots) == len(old) {
			return err
		}
		w.note(audit.Event{Act: audit.RotateRoot, Detail: fmt.Sprintf("root keys that open the partition: %d", len(roots))})
		return w.putRoots(roots)
	})
	if err != nil {
		return err
	}
	return p.sync()
}

func (w *writer) putRoots(roots []rootWrap) error { return w.putLaterAs(metaRoots, roots) }
