package partition

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
)

// The attacker is a user with every right but the security officer's. It makes every
// call it can think of, with every key it has, on a real partition, and adds what
// comes out to what it knows, over and over: what it has it never loses, so that no
// order of calls is missed. It looks into the partition only to save itself calls
// that must fail, and to see whether it has won.
//
// It wins when it knows the value of a key that the partition owes it to keep: one
// that was generated sensitive, or came of such a key as a sensitive one; or when
// such a key has left that was never extractable, or had to leave under a trusted
// key and left under another.
type attacker struct {
	*rig
	user api.Caller

	keys        []*atom
	blobs       []*blob
	ciphertexts []*ciphertext
	known       map[string]string // value, and how it was come by
	done        map[string]bool   // what has been tried
	found       string            // how it has won
}

// atom is a key in the partition.
type atom struct {
	id    api.ObjectID
	o     *object.Object
	value string // of a secret key; else what its pair is told by
	owed  bool
	how   string

	pair  bool // a half of a pair that was generated here
	stays bool // a secret key that was never to leave, though its CKA_NEVER_EXTRACTABLE is false
}

// blob is a wrapped key.
type blob struct {
	bytes     []byte
	mechanism *ck.Mechanism
	under     *atom
	key       *atom
}

// rounds is how often everything is tried: the longest attack there is takes four.
const rounds = 5

// attack searches a partition that has the policy rules, and returns the attack that
// it finds, if any.
func attack(t *testing.T, rules *object.Policy, moves []move) string {
	a := &attacker{rig: newRig(t), known: map[string]string{}, done: map[string]bool{}}
	a.rules = rules
	a.user = a.login(ck.CKU_USER, userPIN)
	for range rounds {
		before := len(a.keys) + len(a.blobs) + len(a.ciphertexts) + len(a.known)
		for _, m := range moves {
			if m(a); a.found != "" {
				return a.found
			}
		}
		if len(a.keys)+len(a.blobs)+len(a.ciphertexts)+len(a.known) == before {
			break
		}
	}
	t.Logf("%d keys, %d wrapped keys, %d values", len(a.keys), len(a.blobs), len(a.known))
	return ""
}

// first reports whether something is tried for the first time.
func (a *attacker) first(format string, args ...any) bool {
	key := fmt.Sprintf(format, args...)
	again := a.done[key]
	a.done[key] = true
	return !again
}

// takes adds a key to those the attacker has, unless it has one like it.
func (a *attacker) takes(id api.ObjectID, err error, owed bool, how string) *atom {
	if err != nil {
		return nil
	}
	e := a.held(id)
	k := &atom{id: id, o: e.object, how: how}
	k.value = string(k.o.Bytes(ck.CKA_MODULUS))
	if k.value == "" {
		k.value = string(k.o.Bytes(ck.CKA_PUBLIC_KEY_INFO))
	}
	if k.o.Class() == ck.CKO_SECRET_KEY {
		secret, err := a.prepared(e)
		if err != nil {
			a.t.Fatal(err)
		}
		k.value = string(secret.Value())
		k.owed = owed && k.o.Bool(ck.CKA_SENSITIVE)
	}
	if !a.first("key %x %x", k.value, k.o.Encode()) {
		return nil
	}
	a.keys = append(a.keys, k)
	if k.owed {
		a.won(k, k.value)
	}
	return k
}

// knows adds a value to what the attacker knows.
func (a *attacker) knows(value []byte, how string) {
	if _, again := a.known[string(value)]; again {
		return
	}
	a.known[string(value)] = how
	for _, k := range a.keys {
		if k.owed {
			a.won(k, k.value)
		}
	}
}

func (a *attacker) won(k *atom, value string) {
	if how, known := a.known[value]; known && a.found == "" {
		a.found = fmt.Sprintf("%s is known by %s", k.how, how)
	}
}

// leaves notes a wrapped key, and whether it should have stayed.
func (a *attacker) leaves(b *blob) {
	if !a.first("blob %x", b.bytes) {
		return
	}
	a.blobs = append(a.blobs, b)
	for _, k := range a.keys {
		if !k.owed || k.value != b.key.value {
			continue
		}
		switch {
		case k.stays, k.o.Bool(ck.CKA_NEVER_EXTRACTABLE):
			a.found = fmt.Sprintf("%s leaves as %s", k.how, b.key.how)
		case k.o.Bool(ck.CKA_WRAP_WITH_TRUSTED) && !b.under.o.Bool(ck.CKA_TRUSTED):
			a.found = fmt.Sprintf("%s leaves under %s", k.how, b.under.how)
		}
	}
}

// that lists the keys that may be used so, as they are now.
func (a *attacker) that(use ck.AttributeType) []*atom {
	return slices.DeleteFunc(slices.Clone(a.keys), func(k *atom) bool { return !k.o.Permits(use) })
}

func TestStrictPolicyHolds(t *testing.T) {
	rules, _ := object.PolicyNamed(object.StrictPolicy)
	if found := attack(t, rules, append(slices.Clone(moves), generatePairs, generateWrappingPair, generateTrustedPair, generateRSAKEM)); found != "" {
		t.Error(found)
	}
}

// costly are moves that take their time, and the rules that only they get past.
var costly = map[string][]move{
	"wrapping-pair":                 {generatePairs},
	"unwrapped-by-pair-needs-trust": {generateTrustedPair},

	"encapsulating-by-sound-mechanism": {generateRSAKEM},
}

// TestEveryRuleIsNeeded: less any one of its rules, the policy falls.
func TestEveryRuleIsNeeded(t *testing.T) {
	rules, _ := object.PolicyNamed(object.StrictPolicy)
	if len(rules.Rules()) < 23 {
		t.Fatalf("only %d rules", len(rules.Rules()))
	}
	for _, r := range rules.Rules() {
		t.Run(r.Name, func(t *testing.T) {
			found := attack(t, rules.Without(r.Name), append(slices.Clone(moves), costly[r.Name]...))
			if found == "" {
				t.Fatal("no attack without the rule")
			}
			t.Log(found)
		})
	}
}

// TestPairIsForOneMechanism: a pair that does nothing but wrap falls if it does so by
// more than one mechanism.
func TestPairIsForOneMechanism(t *testing.T) {
	rules, _ := object.PolicyNamed(object.StrictPolicy)
	found := attack(t, rules.Without("wrapping-pair"), append(slices.Clone(moves), generateWrappingPair))
	if found == "" {
		t.Error("no attack on such a pair")
	}
	t.Log(found)
}

// TestStandardPolicyFalls: what the strict one is for.
func TestStandardPolicyFalls(t *testing.T) {
	rules, _ := object.PolicyNamed(object.StandardPolicy)
	found := attack(t, rules, moves)
	if found == "" {
		t.Error("no attack on a partition without rules")
	}
	t.Log(found)
}

func xor(parts ...[]byte) []byte {
	out := bytes.Clone(parts[0])
	for _, p := range parts[1:] {
		for i := range out {
			out[i] ^= p[i]
		}
	}
	return out
}
