package partition

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"hash/maphash"
	"iter"
	"slices"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// indexed are the attributes, beside the class, that clients search objects of all classes by;
// certificates have ofCertificates too.
var indexed = [...]ck.AttributeType{ck.CKA_ID, ck.CKA_LABEL}

// index finds open entries by the attributes that clients search by. Each list is in
// the order of older, so that a new object goes to its end, and what is found needs no
// sorting. The zero index is empty.
type index struct {
	all    []*entry
	class  map[ck.ObjectClass][]*entry
	values [len(indexed)]map[uint64][]*entry // by indexValue
	certificates

	// stale says that many entries change at once: build puts all of them in then.
	stale bool
}

// valueSeed makes what indexValue says another thing in every process, so that nobody
// can make up labels that are all in one list.
var valueSeed = maphash.MakeSeed()

// indexValue stands for the value of an attribute. Other values have the same one
// hardly ever; whoever searches looks at the attribute itself.
func indexValue(value []byte) uint64 { return maphash.Bytes(valueSeed, value) }

// build makes the index anew, of those of n entries that are open.
func (x *index) build(entries iter.Seq[*entry], n int) {
	x.stale = false
	x.all = make([]*entry, 0, n)
	for e := range entries {
		if e.object != nil {
			x.all = append(x.all, e)
		}
	}
	sortOldest(x.all)
	x.class, x.certificates = map[ck.ObjectClass][]*entry{}, certificates{}
	for _, e := range x.all {
		x.class[e.object.Class()] = append(x.class[e.object.Class()], e)
		x.certificates.add(e)
	}
	var both sync.WaitGroup
	for i := range x.values {
		both.Go(func() { x.values[i] = byValue(x.all, i) })
	}
	both.Wait()
}

// byValue lists entries by one of the attributes. Most lists are of one entry, so
// that these are cut from one piece of memory.
func byValue(all []*entry, attribute int) map[uint64][]*entry {
	lists := make(map[uint64][]*entry, len(all))
	ones := slices.Clone(all)
	for i, e := range all {
		value := e.values[attribute]
		if list := lists[value]; len(list) > 0 {
			lists[value], ones[i] = append(list, e), nil
		} else {
			lists[value] = ones[i : i+1 : i+1]
		}
	}
	return lists
}

func (x *index) add(e *entry) {
	if x.stale {
		return
	}
	if x.class == nil {
		x.build(slices.Values([]*entry{e}), 1)
		return
	}
	x.all = with(x.all, e)
	x.class[e.object.Class()] = with(x.class[e.object.Class()], e)
	x.certificates.add(e)
	for i, value := range e.values {
		list := x.values[i][value]
		if len(list) == 0 { // as most are
			e.alone[i] = e
			list = e.alone[i : i+1 : i+1]
		} else {
			list = with(list, e)
		}
		x.values[i][value] = list
	}
}

func (x *index) remove(e *entry) {
	if x.stale {
		return
	}
	x.all = without(x.all, e)
	x.class[e.object.Class()] = without(x.class[e.object.Class()], e)
	x.certificates.remove(e)
	for i, value := range e.values {
		if left := without(x.values[i][value], e); len(left) > 0 {
			x.values[i][value] = left
		} else {
			delete(x.values[i], value)
		}
	}
}

// older is the order of a search: token objects as they were made, then session
// objects.
func older(a, b *entry) int {
	if c := cmp.Compare(a.place(), b.place()); c != 0 {
		return c
	}
	if c := cmp.Compare(a.object.Class(), b.object.Class()); c != 0 {
		return c
	}
	return bytes.Compare(a.id[:], b.id[:])
}

// place is what older looks at first.
func (e *entry) place() uint64 {
	if e.ofSession() {
		return e.order | 1<<63
	}
	return e.order
}

// sortOldest sorts entries by older. Places are looked up once: where there are many
// entries, to reach one takes longer than to compare two.
func sortOldest(all []*entry) {
	type placed struct {
		place uint64
		*entry
	}
	sorted := make([]placed, len(all))
	for i, e := range all {
		sorted[i] = placed{e.place(), e}
	}
	slices.SortFunc(sorted, func(a, b placed) int {
		if a.place != b.place {
			return cmp.Compare(a.place, b.place)
		}
		return older(a.entry, b.entry)
	})
	for i, s := range sorted {
		all[i] = s.entry
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

// settle makes the index ready for a search: it puts in the session objects that have been
// made since the last one, in order, so that each goes to the end of its lists.
func (p *Partition) settle() {
	if p.sessions.unsearched.Load() == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := p.sessions.takeFresh()
	sortOldest(fresh)
	for _, e := range fresh {
		p.index.add(e)
	}
}

// rebuild makes the index anew. The caller holds p.mu for writing.
func (p *Partition) rebuild() {
	p.sessions.takeFresh()
	p.index.build(p.all(), len(p.objects))
}

// candidates returns the shortest list of open entries that tmpl narrows the search
// to. The caller holds p.mu, and does not change the list; the index is settled.
func (p *Partition) candidates(tmpl ck.Template) []*entry {
	if a, found := tmpl.Find(ck.CKA_UNIQUE_ID); found {
		var id api.ObjectID
		if n, err := hex.Decode(id[:], a.Value[:min(len(a.Value), 2*len(id))]); err != nil || n != len(id) {
			return nil
		}
		if e := p.held(id); e != nil && e.object != nil {
			return []*entry{e}
		}
		return nil
	}
	shortest := p.index.all
	if class, found := tmpl.Ulong(ck.CKA_CLASS); found {
		class := ck.ObjectClass(class)
		shortest = p.index.narrow(p.index.class[class], class, tmpl)
	}
	for i, t := range indexed {
		a, found := tmpl.Find(t)
		if !found {
			continue
		}
		if list := p.index.values[i][indexValue(a.Value)]; len(list) < len(shortest) {
			shortest = list
		}
	}
	return shortest
}
