package partition

import (
	"encoding/hex"
	"iter"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// indexed are the attributes, beside the class, that clients search by.
var indexed = [...]ck.AttributeType{ck.CKA_ID, ck.CKA_LABEL}

// index finds open entries by the attributes that clients search by. Each list is in
// the order of older, so that a new object goes to its end, and what is found needs no
// sorting. The zero index is empty.
type index struct {
	all    []*entry
	class  map[ck.ObjectClass][]*entry
	values [len(indexed)]map[string][]*entry

	// stale says that many entries change at once: build puts all of them in then.
	stale bool
}

// build makes the index anew, of those of the entries that are open.
func (x *index) build(entries iter.Seq[*entry]) {
	*x = index{}
	for e := range entries {
		if e.object != nil {
			x.all = append(x.all, e)
		}
	}
	all := x.all
	slices.SortFunc(all, older)
	x.all = make([]*entry, 0, len(all)) // add appends to it
	for _, e := range all {
		x.add(e)
	}
}

func (x *index) add(e *entry) {
	if x.stale {
		return
	}
	if x.class == nil {
		x.class = map[ck.ObjectClass][]*entry{}
		for i := range x.values {
			x.values[i] = map[string][]*entry{}
		}
	}
	x.all = with(x.all, e)
	x.class[e.object.Class()] = with(x.class[e.object.Class()], e)
	for i, t := range indexed {
		value := indexValue(e, t)
		x.values[i][string(value)] = with(x.values[i][string(value)], e)
	}
}

func (x *index) remove(e *entry) {
	if x.stale {
		return
	}
	x.all = without(x.all, e)
	x.class[e.object.Class()] = without(x.class[e.object.Class()], e)
	for i, t := range indexed {
		value := indexValue(e, t)
		if left := without(x.values[i][string(value)], e); len(left) > 0 {
			x.values[i][string(value)] = left
		} else {
			delete(x.values[i], string(value))
		}
	}
}

// with puts e into its place in a list, most often the end.
func with(list []*entry, e *entry) []*entry {
	if n := len(list); n == 0 || older(list[n-1], e) < 0 {
		return append(list, e)
	}
	i, _ := slices.BinarySearchFunc(list, e, older)
	return slices.Insert(list, i, e)
}

func without(list []*entry, e *entry) []*entry {
	if i, ok := slices.BinarySearchFunc(list, e, older); ok {
		return slices.Delete(list, i, i+1)
	}
	return list
}

func indexValue(e *entry, t ck.AttributeType) []byte {
	a, _, _ := e.object.Get(t)
	return a.Value
}

// candidates returns the shortest list of open entries that tmpl narrows the search
// to. The caller holds p.mu, and does not change the list.
func (p *Partition) candidates(tmpl ck.Template) []*entry {
	if a, found := tmpl.Find(ck.CKA_UNIQUE_ID); found {
		var id api.ObjectID
		if n, err := hex.Decode(id[:], a.Value[:min(len(a.Value), 2*len(id))]); err != nil || n != len(id) {
			return nil
		}
		if e := p.objects[id]; e != nil && e.object != nil {
			return []*entry{e}
		}
		return nil
	}
	shortest := p.index.all
	if class, found := tmpl.Ulong(ck.CKA_CLASS); found {
		shortest = p.index.class[ck.ObjectClass(class)]
	}
	for i, t := range indexed {
		a, found := tmpl.Find(t)
		if !found {
			continue
		}
		if list := p.index.values[i][string(a.Value)]; len(list) < len(shortest) {
			shortest = list
		}
	}
	return shortest
}
