package object

import (
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Policy is a set of rules that keys are held to beyond what the standard demands,
// so that no sequence of permitted calls gives a sensitive key away. The rules are
// the table strictRules; hsm/partition/POLICY.md says why each is there and what
// it costs. A Policy never changes; nil has no rules.
type Policy struct {
	name  string
	rules []Rule
}

// Rule is one rule. Of its checks those are nil that it has nothing to say about.
// Each answers nil or the error of the call.
type Rule struct {
	Name   string
	Source string // who showed the attack that it prevents

	// key is for every key, however it came to be or was changed.
	key func(o *Object) error
	// change is for a key (or a copy) that was from and is to be to.
	change func(from, to *Object) error
	// wrap is for key leaving under wrapping.
	wrap func(wrapping, key *Object, m *ck.Mechanism) error
	// unwrap is for the use of base to unwrap, unwrapped for what came of it.
	unwrap    func(base *Object, m *ck.Mechanism) error
	unwrapped func(base, key *Object) error
	// agree is for the use of base, one half of a pair, to encapsulate or decapsulate.
	agree func(base *Object, m *ck.Mechanism) error
	// derive is for the use of base, or of the key that salts it, to derive.
	derive func(base *Object, m *ck.Mechanism) error
	// derived is for a key derived from base, or agreed upon with it.
	derived func(base, key *Object, by derivation) error
	// made is for a new key; it returns the key as it is to be.
	made func(o *Object) (*Object, error)
	// pair is for a new key pair; it returns the halves as they are to be.
	pair func(public, private *Object) (pub, priv *Object, err error)
}

// The policies there are, by name. A partition's is chosen when it is made.
const (
	StrictPolicy   = "strict"   // all rules: what a partition has if nobody says
	StandardPolicy = "standard" // none: attributes alone decide, as the standard says
)

// PolicyNamed returns the policy of that name; ok is false if there is none.
func PolicyNamed(name string) (p *Policy, ok bool) {
	switch name {
	case StrictPolicy:
		return &Policy{StrictPolicy, strictRules}, true
	case StandardPolicy:
		return &Policy{name: StandardPolicy}, true
	}
	return nil, false
}

// Name is what PolicyNamed was asked for; empty for nil.
func (p *Policy) Name() string {
	if p == nil {
		return ""
	}
	return p.name
}

// Rules lists the rules. The slice is shared and not to be changed.
func (p *Policy) Rules() []Rule {
	if p == nil {
		return nil
	}
	return p.rules
}

// Without returns the policy less one rule, for those who want to see what the rule
// is good for.
func (p *Policy) Without(name string) *Policy {
	rules := slices.DeleteFunc(slices.Clone(p.rules), func(r Rule) bool { return r.Name == name })
	return &Policy{p.name + " without " + name, rules}
}

// holds asks every rule that has a check of a kind.
func (p *Policy) holds(ask func(r *Rule) error) error {
	rules := p.Rules()
	for i := range rules {
		if err := ask(&rules[i]); err != nil {
			return err
		}
	}
	return nil
}

// forbid is a rule's answer.
func forbid(rv ck.RV, why string) error { return ck.Errorf(rv, "the partition's policy: %s", why) }

// Key checks what any key has to be: CKR_TEMPLATE_INCONSISTENT.
func (p *Policy) Key(o *Object) error {
	return p.holds(func(r *Rule) error {
		if r.key == nil {
			return nil
		}
		return r.key(o)
	})
}

// Made returns a new key, or a half of a new pair, as the policy wants it:
// CKR_TEMPLATE_INCONSISTENT if it cannot be had so.
func (p *Policy) Made(o *Object) (*Object, error) {
	rules := p.Rules()
	for i := range rules {
		if rules[i].made == nil {
			continue
		}
		var err error
		if o, err = rules[i].made(o); err != nil {
			return nil, err
		}
	}
	return o, p.Key(o)
}

// Change checks what C_SetAttributeValue and C_CopyObject make of an object:
// CKR_ATTRIBUTE_READ_ONLY, or the codes of Key. The security officer
// decides what the keys that he can see are for.
func (p *Policy) Change(from, to *Object, so bool) error {
	err := p.holds(func(r *Rule) error {
		if r.change == nil || so {
			return nil
		}
		return r.change(from, to)
	})
	if err != nil {
		return err
	}
	return p.Key(to)
}

// Wrap checks whether key may leave under wrapping by mechanism m:
// CKR_KEY_NOT_WRAPPABLE, CKR_MECHANISM_INVALID.
func (p *Policy) Wrap(wrapping, key *Object, m *ck.Mechanism) error {
	return p.holds(func(r *Rule) error {
		if r.wrap == nil {
			return nil
		}
		return r.wrap(wrapping, key, m)
	})
}

// Unwrap checks whether base may unwrap by mechanism m: CKR_MECHANISM_INVALID. It is
// asked before the wrapped key is looked at.
func (p *Policy) Unwrap(base *Object, m *ck.Mechanism) error {
	return p.holds(func(r *Rule) error {
		if r.unwrap == nil {
			return nil
		}
		return r.unwrap(base, m)
	})
}

// Unwrapped checks a key that was unwrapped with base: CKR_TEMPLATE_INCONSISTENT. Who
// can read base knows what is under it.
func (p *Policy) Unwrapped(base, key *Object) error {
	if base.readable() {
		return nil
	}
	return p.holds(func(r *Rule) error {
		if r.unwrapped == nil {
			return nil
		}
		return r.unwrapped(base, key)
	})
}

// Derive checks whether base, or the key that salts it, may derive by mechanism m:
// CKR_MECHANISM_PARAM_INVALID. It is asked before anything is computed.
func (p *Policy) Derive(base *Object, m *ck.Mechanism) error {
	if base.readable() {
		return nil
	}
	return p.holds(func(r *Rule) error {
		if r.derive == nil {
			return nil
		}
		return r.derive(base, m)
	})
}

// Derived checks a key that was derived from base by mechanism m, or with base as the
// salt: CKR_TEMPLATE_INCONSISTENT, CKR_KEY_SIZE_RANGE, CKR_MECHANISM_INVALID. What is
// no key can be read; that is for Derive.
func (p *Policy) Derived(base, key *Object, m ck.MechanismType) error {
	if agreements[m] || !isKeyClass(key.class) {
		return nil
	}
	return p.derived(base, key, derivation{ck.CKA_DERIVE_TEMPLATE, m})
}

// Agree checks whether base may encapsulate or decapsulate by mechanism m:
// CKR_MECHANISM_INVALID. It is asked before a ciphertext is looked at.
func (p *Policy) Agree(base *Object, m *ck.Mechanism) error {
	return p.holds(func(r *Rule) error {
		if r.agree == nil {
			return nil
		}
		return r.agree(base, m)
	})
}

// Agreed checks a key that C_EncapsulateKey has made with the public key base, or
// C_DecapsulateKey with the private one: CKR_TEMPLATE_INCONSISTENT, CKR_KEY_SIZE_RANGE.
// Another key of the same value comes of every decapsulation, as of every derivation.
func (p *Policy) Agreed(base, key *Object) error {
	if base.class == ck.CKO_PUBLIC_KEY {
		return p.derived(base, key, derivation{template: ck.CKA_ENCAPSULATE_TEMPLATE})
	}
	return p.derived(base, key, derivation{template: ck.CKA_DECAPSULATE_TEMPLATE})
}

func (p *Policy) derived(base, key *Object, by derivation) error {
	if base.readable() {
		return nil
	}
	return p.holds(func(r *Rule) error {
		if r.derived == nil {
			return nil
		}
		return r.derived(base, key, by)
	})
}

// Pair returns a new key pair as the policy wants it: CKR_TEMPLATE_INCONSISTENT if it
// cannot be had so.
func (p *Policy) Pair(public, private *Object) (pub, priv *Object, err error) {
	rules := p.Rules()
	for i := range rules {
		if rules[i].pair == nil {
			continue
		}
		if public, private, err = rules[i].pair(public, private); err != nil {
			return nil, nil, err
		}
	}
	return public, private, nil
}
