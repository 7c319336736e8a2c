package partition

import (
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
)

// policyOf returns the rules that a header names. A partition from before there were
// policies has none.
func policyOf(h header) (*object.Policy, error) {
	name := h.Policy
	if name == "" {
		name = object.StandardPolicy
	}
	rules, ok := object.PolicyNamed(name)
	if !ok {
		return nil, ck.Errorf(ck.CKR_TOKEN_NOT_RECOGNIZED,
			"the partition has a policy that this version does not know: use the version of Coffer that made it")
	}
	return rules, nil
}

// Policy names the policy that the partition was made with: object.StrictPolicy or
// object.StandardPolicy. It is empty if the partition cannot be opened.
func (p *Partition) Policy() string { return p.rules.Name() }

// checkMade holds a new object against the policy, what any key must be and what
// may become of the key that it came from, and returns it as the policy wants it.
func (p *Partition) checkMade(o *object.Object, r *object.Request) (*object.Object, error) {
	o, err := p.rules.Made(o)
	if err != nil {
		return nil, err
	}
	switch r.Origin {
	case object.Unwrapped:
		err = p.rules.Unwrapped(r.Base, o)
	case object.Derived:
		err = p.rules.Derived(r.Base, o, r.Mechanism)
		if err == nil && r.Salt != nil {
			err = p.rules.Derived(r.Salt, o, r.Mechanism)
		}
	case object.Agreed:
		err = p.rules.Agreed(r.Base, o)
	}
	return o, err
}

// checkPair does so for a new key pair.
func (p *Partition) checkPair(public, private *object.Object) (pub, priv *object.Object, err error) {
	if public, err = p.rules.Made(public); err != nil {
		return nil, nil, err
	}
	if private, err = p.rules.Made(private); err != nil {
		return nil, nil, err
	}
	return p.rules.Pair(public, private)
}

// changed makes sure that what is to become of an object, or a copy of it, is no more
// than it was.
func (p *Partition) changed(from, to *object.Object, so bool) error {
	return p.rules.Change(from, to, so)
}

// dateLayout is how CK_DATE looks (section 3.5).
const dateLayout = "20060102"

// inForce holds a key against its CKA_START_DATE and CKA_END_DATE, both included, in
// UTC, if the partition was made so: CKR_KEY_FUNCTION_NOT_PERMITTED.
func (p *Partition) inForce(o *object.Object) error {
	if !p.dates {
		return nil
	}
	today := time.Now().UTC().Format(dateLayout)
	if start := o.Bytes(ck.CKA_START_DATE); len(start) > 0 && today < string(start) {
		return ck.Errorf(ck.CKR_KEY_FUNCTION_NOT_PERMITTED, "the key is not valid yet")
	}
	if end := o.Bytes(ck.CKA_END_DATE); len(end) > 0 && today > string(end) {
		return ck.Errorf(ck.CKR_KEY_FUNCTION_NOT_PERMITTED, "the key is not valid any more")
	}
	return nil
}

// atOnce are the uses that are over with one call: nobody can log in between their
// start and their end, as a key with CKA_ALWAYS_AUTHENTICATE demands.
var atOnce = map[ck.AttributeType]bool{
	ck.CKA_WRAP:        true,
	ck.CKA_UNWRAP:      true,
	ck.CKA_DERIVE:      true,
	ck.CKA_ENCAPSULATE: true,
	ck.CKA_DECAPSULATE: true,
}

// authenticates reports whether a key wants the PIN before each use.
func authenticates(o *object.Object) bool {
	return o.Class() == ck.CKO_PRIVATE_KEY && o.Bool(ck.CKA_ALWAYS_AUTHENTICATE)
}
