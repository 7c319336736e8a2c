package importer

import (
	"encoding/hex"
	"errors"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Fate is what becomes of an object.
type Fate string

// The fates.
const (
	Comes  Fate = "import" // it comes over
	There  Fate = "there"  // the partition has it already
	Cannot Fate = "cannot" // the partition cannot have it, or not as a program needs it
	Stays  Fate = "left"   // nobody will miss it
)

// Step is what is planned for one object.
type Step struct {
	Fate   Fate     `json:"fate"`
	Where  string   `json:"where"`
	Class  string   `json:"class"`
	Type   string   `json:"type,omitempty"` // of keys
	Label  string   `json:"label"`
	ID     string   `json:"id"`              // CKA_ID in hex
	Why    string   `json:"why,omitempty"`   // it does not come
	Notes  []string `json:"notes,omitempty"` // what is otherwise than it was
	Unique string   `json:"unique_id,omitempty"`

	tmpl ck.Template
}

// Plan is what will be done with a source. It shares the memory of the source.
type Plan struct {
	Source string `json:"source"`
	Steps  []Step `json:"objects"`

	kind string // of the source
	to   api.Partition
	who  api.Caller
}

// rehearsal is the session that the objects of a rehearsal belong to. The tool has no
// others: sessions are numbered by slots, which it does without.
const rehearsal api.SessionID = 1

// Rehearse finds out what a partition makes of a source, without changing it. who must
// be the user; the objects of a rehearsal are gone when it returns. The error is for
// what concerns all objects: CKR_USER_NOT_LOGGED_IN, CKR_DEVICE_ERROR and their like.
func Rehearse(p api.Partition, who api.Caller, s *Source) (*Plan, error) {
	who.ReadWrite = true
	plan := &Plan{Source: s.Name, kind: s.Kind, to: p, who: who}
	who.Session = rehearsal
	defer p.CloseSession(rehearsal)
	for i := range s.Objects {
		step, err := rehearse(p, who, &s.Objects[i])
		if err != nil {
			return nil, err
		}
		plan.Steps = append(plan.Steps, step)
		if s.Progress != nil {
			s.Progress(i+1, len(s.Objects))
		}
	}
	for _, l := range s.Left {
		fate := Cannot
		if l.Harmless {
			fate = Stays
		}
		plan.Steps = append(plan.Steps, Step{Fate: fate, Where: l.Where, Class: l.What, Why: l.Why})
	}
	return plan, nil
}

// rehearse makes one object and looks at what came of it.
func rehearse(p api.Partition, who api.Caller, o *Object) (Step, error) {
	step := describe(o)
	if why, is := foreign(o); is {
		step.Fate, step.Why = Cannot, why
		return step, nil
	}
	tmpl, notes := carry(o)
	step.Notes = append(step.Notes, notes...)
	id, tmpl, notes, err := attempt(p, who, tmpl)
	if isFatal(err) {
		return step, err
	}
	if err != nil {
		step.Fate, step.Why = Cannot, err.Error()
		return step, nil
	}
	step.Notes = append(step.Notes, notes...)
	made, err := attributes(p, who, id)
	if err != nil {
		return step, err
	}
	step.Notes = append(step.Notes, differences(tmpl, made)...)
	if err := step.compare(p, who, id, made); err != nil {
		return step, err
	}
	step.tmpl = append(tmpl, ck.Bool(ck.CKA_TOKEN, true))
	return step, nil
}

// attempt makes a session object of tmpl, or of what concessions leave of it.
func attempt(p api.Partition, who api.Caller, tmpl ck.Template) (id api.ObjectID, as ck.Template, notes []string, err error) {
	if id, err = p.CreateObject(who, tmpl); ck.Code(err) != ck.CKR_TEMPLATE_INCONSISTENT {
		return id, tmpl, nil, err
	}
	for _, c := range concessions {
		less, ok := c.apply(tmpl)
		if !ok {
			continue
		}
		tmpl, notes = less, append(notes, c.why)
		id, again := p.CreateObject(who, tmpl)
		if ck.Code(again) != ck.CKR_TEMPLATE_INCONSISTENT {
			return id, tmpl, notes, again
		}
	}
	return id, nil, nil, err
}

// isFatal reports whether an error is not about the one object.
func isFatal(err error) bool {
	switch ck.Code(err) {
	case ck.CKR_USER_NOT_LOGGED_IN, ck.CKR_DEVICE_ERROR, ck.CKR_DEVICE_MEMORY, ck.CKR_DEVICE_REMOVED,
		ck.CKR_TOKEN_NOT_PRESENT, ck.CKR_CRYPTOKI_NOT_INITIALIZED, ck.CKR_GENERAL_ERROR, ck.CKR_HOST_MEMORY:
		return err != nil
	}
	return false
}

func describe(o *Object) Step {
	s := Step{
		Fate: Comes, Where: o.Where, Class: o.Class().String(),
		Label: string(o.Value(ck.CKA_LABEL)), ID: hex.EncodeToString(o.Value(ck.CKA_ID)),
		Notes: append([]string(nil), o.Notes...),
	}
	if kt, ok := o.KeyType(); ok {
		s.Type = kt.String()
	}
	return s
}

// sameness are the attributes that tell whether two objects are the same one: what a
// program finds it by, and what it is. For secret keys that is CKA_CHECK_VALUE.
var sameness = []ck.AttributeType{
	ck.CKA_CLASS, ck.CKA_KEY_TYPE, ck.CKA_LABEL, ck.CKA_ID, ck.CKA_APPLICATION, ck.CKA_OBJECT_ID,
	ck.CKA_PUBLIC_KEY_INFO, ck.CKA_CHECK_VALUE, ck.CKA_VALUE, ck.CKA_MODULUS, ck.CKA_EC_POINT, ck.CKA_EC_PARAMS,
}

// names are those of sameness that programs look keys up by.
var names = []ck.AttributeType{ck.CKA_CLASS, ck.CKA_LABEL, ck.CKA_ID}

// compare looks for token objects like the one that was made in rehearsal.
func (s *Step) compare(p api.Partition, who api.Caller, id api.ObjectID, made ck.Template) error {
	same, err := similar(p, who, id, made, sameness)
	if err != nil {
		return err
	}
	if same {
		s.Fate, s.Why, s.Notes = There, "the partition has it already", nil
		return nil
	}
	if s.Label == "" && s.ID == "" {
		return nil
	}
	namesake, err := similar(p, who, id, made, names)
	if namesake {
		s.Notes = append(s.Notes, "the partition has another one with this label and ID")
	}
	return err
}

// similar reports whether there is a token object with the attributes in by as they
// stand in made. What made does not tell is not asked.
func similar(p api.Partition, who api.Caller, id api.ObjectID, made ck.Template, by []ck.AttributeType) (bool, error) {
	tmpl := ck.Template{ck.Bool(ck.CKA_TOKEN, true)}
	for _, t := range by {
		if a, ok := made.Find(t); ok {
			tmpl = append(tmpl, a)
		}
	}
	found, err := p.AppendFound(nil, who, tmpl)
	for _, f := range found {
		if f != id {
			return true, err
		}
	}
	return false, err
}

// attributes reads what can be read of sameness and uses.
func attributes(p api.Partition, who api.Caller, id api.ObjectID) (ck.Template, error) {
	want := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_WRAP_TEMPLATE}}}
	for _, t := range sameness {
		want = append(want, api.AttributeResult{Attribute: ck.Attribute{Type: t}})
	}
	for _, u := range ck.Uses {
		want = append(want, api.AttributeResult{Attribute: ck.Attribute{Type: u.Attribute}})
	}
	if err := p.Attributes(who, id, want); err != nil {
		return nil, err
	}
	var attrs ck.Template
	secret := false
	for _, a := range want {
		if a.RV == ck.CKR_OK {
			attrs = append(attrs, a.Attribute)
		}
		class, _ := ck.ParseUlong(a.Value)
		secret = secret || a.Type == ck.CKA_CLASS && (ck.ObjectClass(class) == ck.CKO_PRIVATE_KEY || ck.ObjectClass(class) == ck.CKO_SECRET_KEY)
	}
	if secret { // a key that may be read is not looked for by its value
		attrs = without(attrs, ck.CKA_VALUE)
	}
	return attrs, nil
}

// Count is how many objects have a fate.
func (p *Plan) Count(f Fate) (n int) {
	for _, s := range p.Steps {
		if s.Fate == f {
			n++
		}
	}
	return n
}

// manyMaker is a partition that makes objects in one transaction.
type manyMaker interface {
	ImportObjects(who api.Caller, from string, all []ck.Template) ([]api.ObjectID, error)
}

var errNotAtOnce = errors.New("the partition cannot make several objects at once")

// Write makes all objects that come, in one transaction: all of them or none.
func (p *Plan) Write() error {
	maker, ok := p.to.(manyMaker)
	if !ok {
		return errNotAtOnce
	}
	var tmpls []ck.Template
	var steps []*Step
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Fate == Comes {
			tmpls, steps = append(tmpls, s.tmpl), append(steps, s)
		}
	}
	ids, err := maker.ImportObjects(p.who, p.kind, tmpls)
	if err != nil {
		return err
	}
	for i, id := range ids {
		steps[i].Unique = hex.EncodeToString(id[:])
	}
	return nil
}
