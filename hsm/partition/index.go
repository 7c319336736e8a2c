package partition

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// indexed are the attributes that clients search by.
var indexed = [...]ck.AttributeType{ck.CKA_UNIQUE_ID, ck.CKA_ID, ck.CKA_LABEL, ck.CKA_CLASS}

// index finds entries by the value of an indexed attribute. The zero index is empty.
type index [len(indexed)]map[string]map[api.ObjectID]*entry

func (x *index) add(e *entry) {
	for i, t := range indexed {
		value := indexValue(e, t)
		if x[i] == nil {
			x[i] = map[string]map[api.ObjectID]*entry{}
		}
		set := x[i][string(value)]
		if set == nil {
			set = map[api.ObjectID]*entry{}
			x[i][string(value)] = set
		}
		set[e.id] = e
	}
}

func (x *index) remove(e *entry) {
	for i, t := range indexed {
		value := indexValue(e, t)
		set := x[i][string(value)]
		delete(set, e.id)
		if len(set) == 0 {
			delete(x[i], string(value))
		}
	}
}

func indexValue(e *entry, t ck.AttributeType) []byte {
	a, _, _ := e.object.Get(t)
	return a.Value
}

// candidates returns the smallest set of entries that an indexed attribute of
// tmpl narrows the search to; ok is false if there is no such attribute.
func (x *index) candidates(tmpl ck.Template) (set map[api.ObjectID]*entry, ok bool) {
	for i, t := range indexed {
		a, found := tmpl.Find(t)
		if !found {
			continue
		}
		if s := x[i][string(a.Value)]; !ok || len(s) < len(set) {
			set, ok = s, true
		}
	}
	return set, ok
}
