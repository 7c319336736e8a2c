package partition

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// The moves of key encapsulation. A key that was encapsulated under a public key of the
// partition is owed like one that was generated: it can be had again by decapsulating,
// as often as the attacker likes.

// ciphertext is what C_EncapsulateKey gave out.
type ciphertext struct {
	bytes []byte
	under *atom
	owed  bool // nobody has asked for it readable
}

var (
	mlkemGen = &ck.Mechanism{Type: ck.CKM_ML_KEM_KEY_PAIR_GEN}
	mlkemKEM = &ck.Mechanism{Type: ck.CKM_ML_KEM}
	mlkem768 = ck.Template{ck.Ulong[uint64](ck.CKA_PARAMETER_SET, ck.CKP_ML_KEM_768)}
	kemKey   = ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_PRIVATE_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_ML_KEM)}
	givesKey = ck.Template{{Type: ck.CKA_DECAPSULATE_TEMPLATE, Nested: readable}}
)

// generateKEM makes a pair that stays, and one that can leave.
func generateKEM(a *attacker) {
	if !a.first("pairs for encapsulation") {
		return
	}
	for _, private := range []ck.Template{nil, on(ck.CKA_EXTRACTABLE)} {
		pub, priv, err := a.GenerateKeyPair(a.user, mlkemGen, mlkem768, private)
		for _, k := range []*atom{a.takes(pub, err, false, "a public key to encapsulate with"), a.takes(priv, err, false, "a private key to decapsulate with")} {
			if k == nil {
				a.t.Fatal("no pair:", err)
			}
			k.pair = true
		}
	}
}

// halfLeaves reports whether the private half of a public key can.
func (a *attacker) halfLeaves(pub *atom) bool {
	for _, k := range a.keys {
		if k.value == pub.value && k.o.Bool(ck.CKA_EXTRACTABLE) {
			return true
		}
	}
	return false
}

func encapsulate(a *attacker) {
	for _, pub := range a.that(ck.CKA_ENCAPSULATE) {
		if !a.first("encapsulate %x", pub.id) {
			continue
		}
		for _, tmpl := range []ck.Template{on(ck.CKA_ENCRYPT), on(ck.CKA_DERIVE), on(ck.CKA_WRAP, ck.CKA_UNWRAP), readable} {
			out := make([]byte, 1088)
			n, id, err := a.EncapsulateKey(a.user, mlkemKEM, pub.id, join(aesKey, tmpl), out)
			if k := a.takes(id, err, pub.pair, "what "+pub.how+" encapsulates"); k != nil {
				k.stays = k.owed && !a.halfLeaves(pub)
				a.ciphertexts = append(a.ciphertexts, &ciphertext{out[:n], pub, k.owed})
			}
		}
	}
}

func decapsulate(a *attacker) {
	for _, priv := range a.that(ck.CKA_DECAPSULATE) {
		for _, c := range a.ciphertexts {
			if priv.value != c.under.value || !a.first("decapsulate %x %x", priv.id, c.bytes) {
				continue
			}
			for _, tmpl := range []ck.Template{on(ck.CKA_ENCRYPT, ck.CKA_DECRYPT), on(ck.CKA_DERIVE), on(ck.CKA_ENCRYPT, ck.CKA_EXTRACTABLE), readable} {
				id, err := a.DecapsulateKey(a.user, mlkemKEM, priv.id, join(aesKey, tmpl), c.bytes)
				a.takes(id, err, c.owed, "what "+priv.how+" decapsulates")
			}
		}
	}
}

// unwrapKEM brings a private key back as one that gives away what it decapsulates.
func unwrapKEM(a *attacker) {
	for _, u := range a.that(ck.CKA_UNWRAP) {
		for _, b := range a.blobs {
			if b.key.o.KeyType() != ck.CKK_ML_KEM || u.value != b.under.value || !a.first("unwrap private %x %x", u.id, b.bytes) {
				continue
			}
			id, err := a.UnwrapKey(a.user, b.mechanism, u.id, b.bytes, join(kemKey, on(ck.CKA_DECAPSULATE), givesKey))
			a.takes(id, err, false, "what "+u.how+" unwraps of "+b.key.how)
		}
	}
}
