package partition

import (
	"crypto/ecdh"
	"crypto/rand"
	"math/big"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// The moves of key encapsulation. A key that was encapsulated under a public key of the
// partition is owed like one that was generated: it can be had again by decapsulating,
// as often as the attacker likes.

// ciphertext is what C_EncapsulateKey gave out.
type ciphertext struct {
	bytes     []byte
	mechanism *ck.Mechanism
	under     *atom
	owed      bool // nobody has asked for it readable
}

var (
	mlkemGen = &ck.Mechanism{Type: ck.CKM_ML_KEM_KEY_PAIR_GEN}
	mlkemKEM = &ck.Mechanism{Type: ck.CKM_ML_KEM}
	ecKEM    = &ck.Mechanism{Type: ck.CKM_ECDH1_DERIVE, Param: &ck.ECDH1Params{KDF: ck.CKD_NULL}}
	rawRSA   = &ck.Mechanism{Type: ck.CKM_RSA_X_509}
	mlkem768 = ck.Template{ck.Ulong[uint64](ck.CKA_PARAMETER_SET, ck.CKP_ML_KEM_768)}
	givesKey = ck.Template{{Type: ck.CKA_DECAPSULATE_TEMPLATE, Nested: readable}}
	bits256  = ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(32))}
)

// kems are the mechanisms of key encapsulation by key type.
var kems = map[ck.KeyType][]*ck.Mechanism{
	ck.CKK_ML_KEM: {mlkemKEM},
	ck.CKK_EC:     {ecKEM},
	ck.CKK_RSA:    {oaep, rawRSA},
}

// generateKEM makes pairs that stay, and ones that can leave or do more.
func generateKEM(a *attacker) {
	if !a.first("pairs for encapsulation") {
		return
	}
	curve := join(ck.Template{p256}, on(ck.CKA_ENCAPSULATE))
	for _, g := range []struct {
		name            string
		by              *ck.Mechanism
		public, private ck.Template
	}{
		{"ML-KEM", mlkemGen, mlkem768, nil},
		{"ML-KEM, to leave", mlkemGen, mlkem768, on(ck.CKA_EXTRACTABLE)},
		{"ECDH", ecGen, curve, on(ck.CKA_DECAPSULATE)},
		{"ECDH, to leave", ecGen, curve, on(ck.CKA_DECAPSULATE, ck.CKA_EXTRACTABLE)},
		{"ECDH, to derive too", ecGen, curve, on(ck.CKA_DECAPSULATE, ck.CKA_DERIVE)},
		{"ECDH of others, to derive too", ecGen, ck.Template{p256}, on(ck.CKA_DECAPSULATE, ck.CKA_DERIVE)},
		{"ECDH, to derive", ecGen, curve, on(ck.CKA_DERIVE)},
	} {
		a.generatesKEM(g.name, g.by, g.public, g.private)
	}
}

// generateRSAKEM makes an RSA pair for encapsulation.
func generateRSAKEM(a *attacker) {
	if a.first("RSA pairs for encapsulation") {
		a.generatesKEM("RSA", rsaGen, join(ck.Template{ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048))}, on(ck.CKA_ENCAPSULATE)), on(ck.CKA_DECAPSULATE))
	}
}

func (a *attacker) generatesKEM(name string, by *ck.Mechanism, public, private ck.Template) {
	pub, priv, err := a.GenerateKeyPair(a.user, by, public, private)
	for _, k := range []*atom{a.takes(pub, err, false, "a public key for "+name), a.takes(priv, err, false, "a private key for "+name)} {
		if k != nil {
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
		for _, m := range kems[pub.o.KeyType()] {
			for _, tmpl := range []ck.Template{on(ck.CKA_ENCRYPT), on(ck.CKA_DERIVE), on(ck.CKA_WRAP, ck.CKA_UNWRAP), readable} {
				out := make([]byte, 1088)
				n, id, err := a.EncapsulateKey(a.user, m, pub.id, join(aesKey, bits256, tmpl), out)
				if k := a.takes(id, err, pub.pair, "what "+pub.how+" encapsulates"); k != nil {
					k.stays = k.owed && !a.halfLeaves(pub)
					a.ciphertexts = append(a.ciphertexts, &ciphertext{out[:n], m, pub, k.owed})
				}
			}
		}
	}
}

// outsiders encapsulate elsewhere, with the public half of who decapsulates here.
func outsiders(a *attacker) {
	for _, priv := range a.that(ck.CKA_DECAPSULATE) {
		if priv.o.KeyType() != ck.CKK_EC || !priv.pair || !a.first("outsider %x", priv.value) {
			continue
		}
		theirs, err := ecdh.P256().GenerateKey(rand.Reader)
		if err != nil {
			a.t.Fatal(err)
		}
		a.ciphertexts = append(a.ciphertexts, &ciphertext{theirs.PublicKey().Bytes(), ecKEM, priv, true})
	}
}

func decapsulate(a *attacker) {
	for _, priv := range a.that(ck.CKA_DECAPSULATE) {
		for _, c := range a.ciphertexts {
			if priv.value != c.under.value || !a.first("decapsulate %x %x", priv.id, c.bytes) {
				continue
			}
			for _, tmpl := range []ck.Template{on(ck.CKA_ENCRYPT, ck.CKA_DECRYPT), on(ck.CKA_DERIVE), on(ck.CKA_ENCRYPT, ck.CKA_EXTRACTABLE), readable} {
				id, err := a.DecapsulateKey(a.user, c.mechanism, priv.id, join(aesKey, bits256, tmpl), c.bytes)
				a.takes(id, err, c.owed, "what "+priv.how+" decapsulates")
			}
		}
	}
}

// unwrapKEM brings a private key back as one that gives away what it decapsulates, or
// that does something else.
func unwrapKEM(a *attacker) {
	for _, u := range a.that(ck.CKA_UNWRAP) {
		for _, b := range a.blobs {
			if b.key.o.Class() != ck.CKO_PRIVATE_KEY || u.value != b.under.value || !a.first("unwrap private %x %x", u.id, b.bytes) {
				continue
			}
			kind := ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_PRIVATE_KEY), ck.Ulong(ck.CKA_KEY_TYPE, b.key.o.KeyType())}
			for _, tmpl := range []ck.Template{join(on(ck.CKA_DECAPSULATE), givesKey), on(ck.CKA_DERIVE), on(ck.CKA_DECRYPT)} {
				id, err := a.UnwrapKey(a.user, b.mechanism, u.id, b.bytes, join(kind, tmpl))
				a.takes(id, err, false, "what "+u.how+" unwraps of "+b.key.how)
			}
		}
	}
}

// agreeOnCiphertext takes the ciphertext of ECDH for what it is, a public key, and agrees
// upon the secret.
func agreeOnCiphertext(a *attacker) {
	for _, priv := range a.that(ck.CKA_DERIVE) {
		for _, c := range a.ciphertexts {
			if c.mechanism != ecKEM || priv.value != c.under.value || !a.first("agree on %x %x", priv.id, c.bytes) {
				continue
			}
			m := &ck.Mechanism{Type: ck.CKM_ECDH1_DERIVE, Param: &ck.ECDH1Params{KDF: ck.CKD_NULL, PublicData: c.bytes}}
			id, err := a.DeriveKey(a.user, m, priv.id, join(genericKey, readable))
			a.takes(id, err, false, "what "+priv.how+" derives of a ciphertext")
		}
	}
}

// multiply finds out a secret that RSA has encapsulated without padding, by multiples of
// it: which of them are below a power of two, C_DecapsulateKey tells.
func multiply(a *attacker) {
	for _, priv := range a.that(ck.CKA_DECAPSULATE) {
		for _, c := range a.ciphertexts {
			if c.mechanism != rawRSA || priv.value != c.under.value || !c.owed || !a.first("multiply %x %x", priv.id, c.bytes) {
				continue
			}
			if value := a.bisect(priv.id, c); value != nil {
				a.knows(value, "asking for multiples of what "+c.under.how+" encapsulates")
			}
		}
	}
}

// bisect looks for the greatest factor by which a secret of 32 bytes fits into bytes bytes:
// the secret is then the power of two divided by it.
func (a *attacker) bisect(priv api.ObjectID, c *ciphertext) []byte {
	const bytes = 200
	n := new(big.Int).SetBytes([]byte(c.under.value))
	e := big.NewInt(65537)
	fits := func(s *big.Int) bool {
		multiple := new(big.Int).Exp(s, e, n)
		multiple.Mul(multiple, new(big.Int).SetBytes(c.bytes)).Mod(multiple, n)
		_, err := a.DecapsulateKey(a.user, c.mechanism, priv, join(genericKey, ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(bytes))}),
			multiple.FillBytes(make([]byte, len(c.bytes))))
		return err == nil
	}
	if !fits(big.NewInt(1)) {
		return nil
	}
	power := new(big.Int).Lsh(big.NewInt(1), 8*bytes)
	low, high := new(big.Int).Rsh(power, 256), power // the secret has 256 bits, or fewer
	for range 2*256 + 16 {                           // to 1/2^256 of the smallest factor it can be
		middle := new(big.Int).Add(low, high)
		if middle.Rsh(middle, 1); fits(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return power.Div(power, low).FillBytes(make([]byte, 32))
}
