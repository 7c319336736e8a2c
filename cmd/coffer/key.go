package main

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

func newKey(t *tool) *cobra.Command {
	return parent(&cobra.Command{
		Use:   "key",
		Short: "List, generate, show and delete keys",
		Long: `List, generate, show and delete keys of a partition. Secret and private keys are
made inside and stay there; what is shown of them is never the key itself.`,
		Example: "  coffer key generate --type ec:p256 --label web\n  coffer key list",
	}, newKeyList(t), newKeyGenerate(t), newKeyShow(t), newKeyDelete(t))
}

// keyView is a key as it is shown: an element of the JSON of the key commands.
type keyView struct {
	Label            string   `json:"label"`
	ID               string   `json:"id"`    // CKA_ID in hex
	Class            string   `json:"class"` // a word of keyClasses
	Type             string   `json:"type"`  // as --type names it
	Private          bool     `json:"private"`
	Sensitive        bool     `json:"sensitive"`
	Extractable      bool     `json:"extractable"`
	AlwaysSensitive  bool     `json:"always_sensitive"`
	NeverExtractable bool     `json:"never_extractable"`
	Local            bool     `json:"local"`
	Uses             []string `json:"uses"`
	UniqueID         string   `json:"unique_id"`

	object api.ObjectID
}

var keyClasses = map[ck.ObjectClass]string{
	ck.CKO_PRIVATE_KEY: "private",
	ck.CKO_PUBLIC_KEY:  "public",
	ck.CKO_SECRET_KEY:  "secret",
}

// shownAttributes are what a view is made of, beside the uses.
var shownAttributes = []ck.AttributeType{
	ck.CKA_CLASS, ck.CKA_KEY_TYPE, ck.CKA_LABEL, ck.CKA_ID, ck.CKA_UNIQUE_ID,
	ck.CKA_PRIVATE, ck.CKA_SENSITIVE, ck.CKA_EXTRACTABLE, ck.CKA_ALWAYS_SENSITIVE,
	ck.CKA_NEVER_EXTRACTABLE, ck.CKA_LOCAL, ck.CKA_MODULUS, ck.CKA_EC_PARAMS, ck.CKA_VALUE_LEN,
}

// keys lists the keys that the caller can see and that tmpl fits, the halves of a
// pair side by side, always in the same order.
func (l login) keys(tmpl ck.Template) ([]keyView, error) {
	ids, err := l.AppendFound(nil, l.who, tmpl)
	if err != nil {
		return nil, err
	}
	views := []keyView{} // not nil: an empty list is [] in JSON
	for _, id := range ids {
		v, ok, err := l.view(id)
		if err != nil {
			return nil, err
		}
		if ok {
			views = append(views, v)
		}
	}
	slices.SortFunc(views, keyView.compare)
	return views, nil
}

// compare orders keys by label, ID and class, so that a private key comes before
// its public one.
func (v keyView) compare(w keyView) int {
	return cmp.Or(
		cmp.Compare(v.Label, w.Label),
		cmp.Compare(v.ID, w.ID),
		cmp.Compare(v.Class, w.Class),
		cmp.Compare(v.UniqueID, w.UniqueID),
	)
}

// view reads a key. ok is false if the object is no key, or has gone.
func (l login) view(id api.ObjectID) (v keyView, ok bool, err error) {
	attrs, err := l.attributes(id)
	if ck.Code(err) == ck.CKR_OBJECT_HANDLE_INVALID {
		return v, false, nil // another process has deleted it meanwhile
	}
	if err != nil {
		return v, false, err
	}
	class, _ := attrs.Ulong(ck.CKA_CLASS)
	word, ok := keyClasses[ck.ObjectClass(class)]
	if !ok {
		return v, false, nil
	}
	v = keyView{
		Label: text(attrs, ck.CKA_LABEL), ID: hex.EncodeToString(value(attrs, ck.CKA_ID)), Class: word, Type: typeName(attrs),
		Private: flag(attrs, ck.CKA_PRIVATE), Sensitive: flag(attrs, ck.CKA_SENSITIVE), Extractable: flag(attrs, ck.CKA_EXTRACTABLE),
		AlwaysSensitive: flag(attrs, ck.CKA_ALWAYS_SENSITIVE), NeverExtractable: flag(attrs, ck.CKA_NEVER_EXTRACTABLE),
		Local: flag(attrs, ck.CKA_LOCAL), Uses: usesOf(attrs), UniqueID: text(attrs, ck.CKA_UNIQUE_ID), object: id,
	}
	return v, true, nil
}

// attributes reads those attributes of an object that it has.
func (l login) attributes(id api.ObjectID) (ck.Template, error) {
	want := make([]api.AttributeResult, 0, len(shownAttributes)+len(ck.Uses))
	for _, t := range shownAttributes {
		want = append(want, api.AttributeResult{Attribute: ck.Attribute{Type: t}})
	}
	for _, u := range ck.Uses {
		want = append(want, api.AttributeResult{Attribute: ck.Attribute{Type: u.Attribute}})
	}
	if err := l.Attributes(l.who, id, want); err != nil {
		return nil, err
	}
	var attrs ck.Template
	for _, a := range want {
		if a.RV == ck.CKR_OK {
			attrs = append(attrs, a.Attribute)
		}
	}
	return attrs, nil
}

func value(attrs ck.Template, t ck.AttributeType) []byte { a, _ := attrs.Find(t); return a.Value }
func text(attrs ck.Template, t ck.AttributeType) string  { return string(value(attrs, t)) }
func flag(attrs ck.Template, t ck.AttributeType) bool    { v, _ := attrs.Bool(t); return v }

func usesOf(attrs ck.Template) []string {
	uses := []string{}
	for _, u := range ck.Uses {
		if flag(attrs, u.Attribute) {
			uses = append(uses, u.Word)
		}
	}
	return uses
}

// flags are the words for how well a key is kept.
func (v keyView) flags() string {
	var words []string
	for _, f := range []struct {
		on   bool
		word string
	}{{v.Sensitive, "sensitive"}, {v.Extractable, "extractable"}, {v.Local, "local"}} {
		if f.on {
			words = append(words, f.word)
		}
	}
	return strings.Join(words, ",")
}

func printKeys(w io.Writer, views []keyView) {
	rows := make([][]string, len(views))
	for i, v := range views {
		rows[i] = []string{orDash(plain(v.Label)), orDash(v.ID), v.Class, v.Type, orDash(v.flags()), orDash(strings.Join(v.Uses, ",")), v.UniqueID}
	}
	printTable(w, []string{"LABEL", "ID", "CLASS", "TYPE", "FLAGS", "USES", "UNIQUE ID"}, rows)
}

func printKey(w io.Writer, v keyView) {
	printFields(w, [][2]string{
		{"Label", plain(v.Label)},
		{"ID", v.ID},
		{"Unique ID", v.UniqueID},
		{"Class", v.Class},
		{"Type", v.Type},
		{"Uses", strings.Join(v.Uses, ", ")},
		{"Private", yesNo(v.Private)},
		{"Sensitive", fmt.Sprintf("%s (always: %s)", yesNo(v.Sensitive), yesNo(v.AlwaysSensitive))},
		{"Extractable", fmt.Sprintf("%s (never: %s)", yesNo(v.Extractable), yesNo(v.NeverExtractable))},
		{"Local", yesNo(v.Local)},
	})
}

// named picks the keys that go by name: those with that unique ID, or else that
// label, or else that ID in hex. A pair has one label and one ID, so both halves
// are found by them.
func named(all []keyView, name string) ([]keyView, error) {
	by := []func(keyView) bool{
		func(v keyView) bool { return v.UniqueID == strings.ToLower(name) },
		func(v keyView) bool { return v.Label == name },
		func(v keyView) bool { return v.ID != "" && v.ID == strings.ToLower(name) },
	}
	for _, fits := range by {
		var found []keyView
		for _, v := range all {
			if fits(v) {
				found = append(found, v)
			}
		}
		if len(found) > 0 {
			return found, nil
		}
	}
	return nil, hintf("those there are: coffer key list", "no key %s", quote(name))
}

// keyArgument names the argument of key show and delete.
const keyArgument = "the KEY, by label, ID or unique ID,"

// withKeys logs in and hands f the keys that go by name.
func (t *tool) withKeys(partition, name string, f func(login, []keyView) error) error {
	return t.withLogin(partition, func(l login) error {
		all, err := l.keys(nil)
		if err != nil {
			return err
		}
		found, err := named(all, name)
		if err != nil {
			return err
		}
		return f(l, found)
	})
}
