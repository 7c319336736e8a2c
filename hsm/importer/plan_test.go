package importer_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/importer/importertest"
)

func secretKey(label string, kt ck.KeyType, attrs ...ck.Attribute) importer.Object {
	return importer.Object{Where: label, Attrs: append(ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, kt), ck.String(ck.CKA_LABEL, label),
		ck.Bytes(ck.CKA_VALUE, bytes.Repeat([]byte(label[:1]), 32)), ck.Bool(ck.CKA_SENSITIVE, true),
	}, attrs...)}
}

var (
	encrypts = ck.Bool(ck.CKA_ENCRYPT, true)
	derives  = ck.Bool(ck.CKA_DERIVE, true)
	wraps    = ck.Bool(ck.CKA_WRAP, true)
	leaves   = ck.Bool(ck.CKA_EXTRACTABLE, true)
)

// TestConcessions: what the policy refuses comes over with fewer uses, never more, and
// is told; the standard policy takes it as it is.
func TestConcessions(t *testing.T) {
	no := func(uses ...ck.AttributeType) (attrs []ck.Attribute) {
		for _, u := range uses {
			attrs = append(attrs, ck.Bool(u, false))
		}
		return attrs
	}
	idle := no(ck.CKA_ENCRYPT, ck.CKA_DECRYPT, ck.CKA_SIGN, ck.CKA_VERIFY)
	for _, c := range []struct {
		name               string
		attrs              []ck.Attribute
		note               string // under strict
		derive, extract, w bool   // and what the key then is
	}{
		{"plain", []ck.Attribute{encrypts}, "", false, false, false},
		{"derives too", []ck.Attribute{encrypts, derives}, "does not derive", false, false, false},
		{"only derives", append(idle, derives), "", true, false, false},
		{"xtractable", append(idle, derives, leaves), "is not extractable", true, false, false},
		{"all at once", []ck.Attribute{encrypts, derives, wraps, leaves}, "does not derive", false, true, true},
		{"wraps too", []ck.Attribute{encrypts, wraps}, "wraps only keys that may be read", false, false, true},
	} {
		for _, policy := range []string{"strict", "standard"} {
			s := &importer.Source{Objects: []importer.Object{secretKey(c.name, ck.CKK_AES, c.attrs...)}}
			g := importertest.NewUnder(t, policy)
			step := g.Import(s).Steps[0]
			notes := strings.Join(step.Notes, "; ")
			id := g.Find(ck.CKO_SECRET_KEY, c.name)
			if policy == "standard" {
				if notes != "" {
					t.Errorf("%s, standard: %s", c.name, notes)
				}
				continue
			}
			if c.note == "" && notes != "" || !strings.Contains(notes, c.note) {
				t.Errorf("%s: %q, not %q", c.name, notes, c.note)
			}
			if g.Bool(id, ck.CKA_DERIVE) != c.derive || g.Bool(id, ck.CKA_EXTRACTABLE) != c.extract || g.Bool(id, ck.CKA_WRAP) != c.w {
				t.Errorf("%s: it is another key: %s", c.name, notes)
			}
		}
	}
}

// TestRehearsal changes nothing; what cannot come is told with the reason, and what
// is there already is found by more than its name.
func TestRehearsal(t *testing.T) {
	g := importertest.New(t)
	g.Import(&importer.Source{Objects: []importer.Object{secretKey("old", ck.CKK_AES)}})
	generation := g.Objects()
	other := secretKey("old", ck.CKK_AES)
	other.Set(ck.Bytes(ck.CKA_VALUE, bytes.Repeat([]byte{1}, 32)))
	s := &importer.Source{
		Objects: []importer.Object{
			secretKey("old", ck.CKK_AES), other, secretKey("des", ck.CKK_DES3), secretKey("seven", ck.CKK_AES, ck.Bytes(0xd0000001, []byte{1})),
			secretKey("bad", ck.CKK_AES).With(ck.Bytes(ck.CKA_VALUE, []byte("seven b"))),
			secretKey("trusted", ck.CKK_AES, ck.Bool(ck.CKA_TRUSTED, true), ck.Bool(ck.CKA_LOCAL, true), ck.Bool(ck.CKA_NEVER_EXTRACTABLE, true)),
		},
		Left: []importer.Left{{What: "odd", Why: "why", Harmless: true}, {What: "lost", Why: "damaged"}},
	}
	plan := g.Rehearse(s)
	var fates []string
	for _, step := range plan.Steps {
		fates = append(fates, string(step.Fate))
	}
	if got, want := strings.Join(fates, " "), "there import cannot import cannot import left cannot"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	for i, want := range map[int]string{1: "another one with this label", 2: "no DES3", 3: "leaves the attribute", 4: "CKR_ATTRIBUTE_VALUE_INVALID", 5: "is not trusted"} {
		if text := plan.Steps[i].Why + strings.Join(plan.Steps[i].Notes, "; "); !strings.Contains(text, want) {
			t.Errorf("%s: %q, not %q", plan.Steps[i].Label, text, want)
		}
	}
	if g.Objects() != generation {
		t.Error("a rehearsal leaves something behind")
	}
	if ids, err := g.Partition.AppendFound(nil, g.Who, ck.Template{ck.Bool(ck.CKA_TOKEN, false), ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY)}); err != nil || len(ids) != 0 {
		t.Errorf("%d session objects are left: %v", len(ids), err)
	}
	if err := plan.Write(); err != nil || g.Objects() != generation+3 {
		t.Errorf("%d objects: %v", g.Objects(), err)
	}
	id := g.Find(ck.CKO_SECRET_KEY, "trusted")
	for _, a := range []ck.AttributeType{ck.CKA_TRUSTED, ck.CKA_LOCAL, ck.CKA_NEVER_EXTRACTABLE, ck.CKA_ALWAYS_SENSITIVE} {
		if g.Bool(id, a) {
			t.Errorf("%v is true", a)
		}
	}
}

// TestNobody: without a login there is no rehearsal, and no partition changes.
func TestNobody(t *testing.T) {
	g := importertest.New(t)
	_, err := importer.Rehearse(g.Partition, api.Caller{}, &importer.Source{Objects: []importer.Object{secretKey("key", ck.CKK_AES, ck.Bool(ck.CKA_PRIVATE, true))}})
	if ck.Code(err) != ck.CKR_USER_NOT_LOGGED_IN {
		t.Error(err)
	}
	if err := g.Logout(g.Who.Identity); err != nil {
		t.Fatal(err)
	}
}

// failing is a partition that fails while it writes.
type failing struct{ api.Partition }

func (failing) ImportObjects(api.Caller, string, []ck.Template) ([]api.ObjectID, error) {
	return nil, ck.CKR_DEVICE_MEMORY
}

func TestWriteFails(t *testing.T) {
	g := importertest.New(t)
	s := &importer.Source{Objects: []importer.Object{secretKey("a", ck.CKK_AES), secretKey("b", ck.CKK_AES)}}
	plan, err := importer.Rehearse(failing{g.Partition}, g.Who, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Write(); !errors.Is(err, ck.CKR_DEVICE_MEMORY) || g.Objects() != 0 {
		t.Errorf("%d objects: %v", g.Objects(), err)
	}
	s.Wipe()
	for _, o := range s.Objects {
		if len(bytes.Trim(o.Value(ck.CKA_VALUE), "\x00")) != 0 {
			t.Error("a secret is still there after Wipe")
		}
	}
}

// A rehearsal tells how far it has come, object by object.
func TestProgress(t *testing.T) {
	g := importertest.New(t)
	var told []int
	s := &importer.Source{Objects: []importer.Object{secretKey("a", ck.CKK_AES), secretKey("b", ck.CKK_AES)}}
	s.Progress = func(done, total int) { told = append(told, done, total) }
	g.Rehearse(s)
	if !slices.Equal(told, []int{1, 2, 2, 2}) {
		t.Errorf("told %v", told)
	}
}
