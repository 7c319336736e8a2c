package partition

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// generate makes the keys of the honest and of the attacker.
func generate(a *attacker) {
	for _, g := range []struct {
		name string
		tmpl ck.Template
	}{
		{"the target", on(ck.CKA_ENCRYPT, ck.CKA_EXTRACTABLE)},
		{"the target for trusted keys", on(ck.CKA_ENCRYPT, ck.CKA_EXTRACTABLE, ck.CKA_WRAP_WITH_TRUSTED)},
		{"a wrapping key", on(ck.CKA_WRAP, ck.CKA_UNWRAP)},
		{"a wrapping key that decrypts", on(ck.CKA_WRAP, ck.CKA_UNWRAP, ck.CKA_DECRYPT)},
		{"a key that unwraps and decrypts", on(ck.CKA_UNWRAP, ck.CKA_DECRYPT)},
		{"a key for all uses", on(ck.CKA_WRAP, ck.CKA_UNWRAP, ck.CKA_ENCRYPT, ck.CKA_DECRYPT, ck.CKA_SIGN, ck.CKA_VERIFY)},
		{"a key for all uses that can leave", on(ck.CKA_WRAP, ck.CKA_UNWRAP, ck.CKA_ENCRYPT, ck.CKA_DECRYPT, ck.CKA_EXTRACTABLE)},
		{"a wrapping key for what can be read", join(on(ck.CKA_WRAP, ck.CKA_UNWRAP), ck.Template{{Type: ck.CKA_WRAP_TEMPLATE, Nested: readable}})},
		{"a wrapping key that can leave", on(ck.CKA_WRAP, ck.CKA_UNWRAP, ck.CKA_EXTRACTABLE)},
		{"a wrapping key that gives away", join(on(ck.CKA_WRAP, ck.CKA_UNWRAP), giving(readable...))},
		{"a wrapping key that can be read", join(on(ck.CKA_WRAP, ck.CKA_UNWRAP), readable)},
		{"a deriving key", on(ck.CKA_DERIVE)},
		{"a deriving key for keys that leave", join(on(ck.CKA_DERIVE), lifting(on(ck.CKA_EXTRACTABLE)...))},
		{"a deriving key for keys that derive", join(on(ck.CKA_DERIVE), lifting(on(ck.CKA_DERIVE)...))},
		{"a deriving key that encrypts", on(ck.CKA_DERIVE, ck.CKA_ENCRYPT)},
		{"a deriving key that can leave", on(ck.CKA_DERIVE, ck.CKA_EXTRACTABLE)},
		{"a key that can be read", join(on(ck.CKA_ENCRYPT), readable)},
	} {
		if a.first("generate %s", g.name) {
			id, err := a.GenerateKey(a.user, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN},
				join(ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(16))}, g.tmpl))
			a.takes(id, err, true, g.name)
		}
	}
}

// theirRSA is a key of which the attacker has the private half.
var theirRSA = sync.OnceValue(func() *rsa.PublicKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return &k.PublicKey
})

// import_ brings in keys that the attacker knows.
func import_(a *attacker) {
	if !a.first("import") {
		return
	}
	value := bytes.Repeat([]byte{0x17}, 16)
	a.knows(value, "its choice")
	for _, tmpl := range []ck.Template{on(ck.CKA_WRAP, ck.CKA_UNWRAP), join(on(ck.CKA_ENCRYPT), readable)} {
		id, err := a.CreateObject(a.user, join(aesKey, ck.Template{ck.Bytes(ck.CKA_VALUE, value)}, tmpl))
		a.takes(id, err, false, "a key of its choice")
	}
	theirs := theirRSA()
	a.known[string(theirs.N.Bytes())] = "its choice"
	id, err := a.CreateObject(a.user, join(ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_PUBLIC_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_RSA),
		ck.Bytes(ck.CKA_MODULUS, theirs.N.Bytes()), ck.Bytes(ck.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
	}, on(ck.CKA_WRAP)))
	a.takes(id, err, false, "a public key of its choice")
}

// trust is what the security officer does: a wrapping key that all can see.
func trust(a *attacker) {
	if !a.first("trust") {
		return
	}
	so := a.login(ck.CKU_SO, soPIN)
	id, err := a.GenerateKey(so, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN},
		join(ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(16))}, on(ck.CKA_WRAP, ck.CKA_UNWRAP, ck.CKA_TRUSTED)))
	if a.takes(id, err, true, "the trusted key") == nil {
		a.t.Fatal("the officer has no key:", err)
	}
}

// agree makes keys that the attacker, being the other side, knows.
func agree(a *attacker) {
	if !a.first("agree") {
		return
	}
	theirs, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	_, base, err := a.GenerateKeyPair(a.user, ecGen, ck.Template{p256}, on(ck.CKA_DERIVE))
	if err != nil {
		a.t.Fatal(err)
	}
	m := &ck.Mechanism{Type: ck.CKM_ECDH1_DERIVE, Param: &ck.ECDH1Params{KDF: ck.CKD_NULL, PublicData: theirs.PublicKey().Bytes()}}
	for _, tmpl := range []ck.Template{on(ck.CKA_WRAP, ck.CKA_UNWRAP), readable} {
		id, err := a.DeriveKey(a.user, m, base, join(aesKey, ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(16))}, tmpl))
		if k := a.takes(id, err, false, "a key agreed upon"); k != nil {
			a.knows([]byte(k.value), "agreeing upon it")
		}
	}
}

// generatePairs makes a pair of RSA keys that does everything.
func generatePairs(a *attacker) {
	if !a.first("pairs") {
		return
	}
	pub, priv, err := a.GenerateKeyPair(a.user, rsaGen, join(ck.Template{ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048))}, on(ck.CKA_WRAP)),
		on(ck.CKA_DECRYPT, ck.CKA_UNWRAP, ck.CKA_SIGN))
	a.takes(pub, err, false, "the public half of a pair")
	a.takes(priv, err, false, "the private half of a pair")
}

// generateWrappingPair makes one for wrapping alone.
func generateWrappingPair(a *attacker) {
	if !a.first("wrapping pair") {
		return
	}
	pub, priv, err := a.GenerateKeyPair(a.user, rsaGen, join(ck.Template{ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048))}, on(ck.CKA_WRAP)), on(ck.CKA_UNWRAP))
	a.takes(pub, err, false, "the public half of a pair for wrapping")
	a.takes(priv, err, false, "the private half of a pair for wrapping")
}

// generateTrustedPair makes pairs for wrapping, of which the security officer comes to
// trust the public halves, the only ones that he sees.
func generateTrustedPair(a *attacker) {
	if !a.first("trusted pair") {
		return
	}
	so := a.login(ck.CKU_SO, soPIN)
	for _, private := range []ck.Template{on(ck.CKA_UNWRAP), join(on(ck.CKA_UNWRAP), giving(on(ck.CKA_EXTRACTABLE)...))} {
		pub, priv, err := a.GenerateKeyPair(a.user, rsaGen, join(ck.Template{ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048))}, on(ck.CKA_WRAP)), private)
		if err == nil {
			err = a.SetAttributes(so, pub, on(ck.CKA_TRUSTED))
		}
		if a.takes(pub, err, false, "a trusted public key") == nil {
			a.t.Fatal("no trusted public key:", err)
		}
		a.takes(priv, err, false, "the private half of a trusted public key")
	}
}
