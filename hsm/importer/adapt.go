package importer

import (
	"strings"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// concession makes of a template that the partition's policy refuses one that asks for
// less. None asks for more: a key never comes out less guarded than it went in.
type concession struct {
	why   string
	apply func(ck.Template) (ck.Template, bool) // false: there is nothing to give up
}

// concessions are tried in this order, each by itself and then with those before it.
// hsm/partition/POLICY.md has the rules that they meet: deriving-is-all and
// deriving-key-stays.
var concessions = []concession{
	{"does not derive: here a secret key that derives does nothing else, and does not leave", giveUpDeriving},
	{"is not extractable: here a secret key that derives does not leave", giveUpLeaving},
}

// giveUpDeriving takes CKA_DERIVE from a key with other uses.
func giveUpDeriving(tmpl ck.Template) (ck.Template, bool) {
	if derive, _ := tmpl.Bool(ck.CKA_DERIVE); !derive {
		return nil, false
	}
	for _, u := range ck.Uses {
		if has, _ := tmpl.Bool(u.Attribute); has && u.Attribute != ck.CKA_DERIVE {
			return with(tmpl, ck.Bool(ck.CKA_DERIVE, false)), true
		}
	}
	return nil, false
}

// giveUpLeaving takes CKA_EXTRACTABLE from a key that derives.
func giveUpLeaving(tmpl ck.Template) (ck.Template, bool) {
	derive, _ := tmpl.Bool(ck.CKA_DERIVE)
	leaves, _ := tmpl.Bool(ck.CKA_EXTRACTABLE)
	if !derive || !leaves {
		return nil, false
	}
	return with(tmpl, ck.Bool(ck.CKA_EXTRACTABLE, false)), true
}

// differences says what a partition made otherwise than tmpl asks.
func differences(tmpl, made ck.Template) (notes []string) {
	var lost []string
	for _, u := range ck.Uses {
		asked, _ := tmpl.Bool(u.Attribute)
		if got, known := made.Bool(u.Attribute); asked && !(known && got) {
			lost = append(lost, u.Word)
		}
	}
	if len(lost) > 0 {
		notes = append(notes, "loses the uses "+strings.Join(lost, ", "))
	}
	_, asked := tmpl.Find(ck.CKA_WRAP_TEMPLATE)
	if _, got := made.Find(ck.CKA_WRAP_TEMPLATE); got && !asked {
		notes = append(notes, "wraps only keys that may be read: it has other uses beside wrapping")
	}
	return notes
}
