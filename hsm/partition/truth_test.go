package partition

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// TestHistoryIsTrue: what a key's attributes say of where it comes from, for every way in
// which keys come to be.
func TestHistoryIsTrue(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	must := func(id api.ObjectID, err error) api.ObjectID {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	generated := r.secretKey(user, on(ck.CKA_EXTRACTABLE)...)
	stays := r.secretKey(user, on(ck.CKA_DERIVE)...)
	wrapping := r.secretKey(user, on(ck.CKA_WRAP, ck.CKA_UNWRAP)...)
	pub, priv := r.kemPair(user, ecGen, ck.Template{p256}, nil)
	out := make([]byte, 128)
	n, err := r.WrapKey(user, keyWrap, wrapping, generated, out)
	if err != nil {
		t.Fatal(err)
	}
	unwrapped := must(r.UnwrapKey(user, keyWrap, wrapping, out[:n], join(aesKey, on(ck.CKA_ENCRYPT))))
	derived := must(r.DeriveKey(user, fromData, stays, join(aesKey, bytesOf(16), on(ck.CKA_ENCRYPT))))
	_, encapsulated, err := r.EncapsulateKey(user, ecKEM, pub, join(aesKey, on(ck.CKA_ENCRYPT)), out)
	must(encapsulated, err)
	decapsulated := must(r.DecapsulateKey(user, ecKEM, priv, join(aesKey, on(ck.CKA_ENCRYPT)), out[:65]))
	created := must(r.CreateObject(user, join(aesKey, ck.Template{ck.Bytes(ck.CKA_VALUE, make([]byte, 16))})))

	aes, none := uint64(ck.CKM_AES_KEY_GEN), ck.Unavailable
	ids := map[string]bool{}
	for _, c := range []struct {
		name                     string
		id                       api.ObjectID
		local, sensitive, stayed bool
		by                       uint64
	}{
		{"generated", generated, true, true, false, aes},
		{"generated, to stay", stays, true, true, true, aes},
		{"generated, readable", r.secretKey(user, readable...), true, false, false, aes},
		{"generated, not sensitive", r.secretKey(user, off(ck.CKA_SENSITIVE)...), true, false, true, aes},
		{"a copy", must(r.CopyObject(user, stays, nil)), true, true, true, aes},
		{"a copy that stays from now on", must(r.CopyObject(user, generated, off(ck.CKA_EXTRACTABLE))), true, true, false, aes},
		{"a copy of one from outside", must(r.CopyObject(user, created, nil)), false, false, false, none},
		{"a private key", priv, true, true, true, uint64(ck.CKM_EC_KEY_PAIR_GEN)},
		{"unwrapped", unwrapped, false, false, false, none},
		{"derived", derived, false, true, true, none},
		{"encapsulated", encapsulated, false, false, false, none},
		{"decapsulated", decapsulated, false, false, false, none},
		{"created", created, false, false, false, none},
	} {
		o := r.held(c.id).object
		by, _ := o.Ulong(ck.CKA_KEY_GEN_MECHANISM)
		id := string(o.Bytes(ck.CKA_UNIQUE_ID))
		if o.Bool(ck.CKA_LOCAL) != c.local || o.Bool(ck.CKA_ALWAYS_SENSITIVE) != c.sensitive || o.Bool(ck.CKA_NEVER_EXTRACTABLE) != c.stayed || by != c.by {
			t.Errorf("%s: local %t, always sensitive %t, never extractable %t, by %#x", c.name,
				o.Bool(ck.CKA_LOCAL), o.Bool(ck.CKA_ALWAYS_SENSITIVE), o.Bool(ck.CKA_NEVER_EXTRACTABLE), by)
		}
		if id == "" || ids[id] {
			t.Errorf("%s: CKA_UNIQUE_ID %q", c.name, id)
		}
		ids[id] = true
	}
	a, b := r.held(pub).object, r.held(priv).object
	info := a.Bytes(ck.CKA_PUBLIC_KEY_INFO)
	if len(info) == 0 || !bytes.Equal(info, b.Bytes(ck.CKA_PUBLIC_KEY_INFO)) || !a.Bool(ck.CKA_LOCAL) {
		t.Error("the halves of a pair do not tell the same public key")
	}
	for _, never := range []ck.AttributeType{ck.CKA_LOCAL, ck.CKA_ALWAYS_SENSITIVE, ck.CKA_NEVER_EXTRACTABLE} {
		_, err := r.CopyObject(user, created, on(never))
		expect(t, "copying "+never.String(), err, ck.CKR_ATTRIBUTE_READ_ONLY)
		_, err = r.CreateObject(user, join(aesKey, ck.Template{ck.Bytes(ck.CKA_VALUE, make([]byte, 16))}, on(never)))
		expect(t, "creating "+never.String(), err, ck.CKR_ATTRIBUTE_READ_ONLY)
	}
}

// TestUnmodifiableCopies: a copy is for what its key is for, where that cannot be modified.
func TestUnmodifiableCopies(t *testing.T) {
	for _, policy := range []string{"strict", "standard"} {
		r := newRigWith(t, Options{Policy: policy})
		user := r.login(ck.CKU_USER, userPIN)
		key := r.secretKey(user, join(on(ck.CKA_ENCRYPT), off(ck.CKA_DECRYPT, ck.CKA_MODIFIABLE))...)
		for _, c := range []struct {
			tmpl ck.Template
			want ck.RV
		}{
			{nil, ck.CKR_OK},
			{on(ck.CKA_ENCRYPT), ck.CKR_OK},
			{ck.Template{ck.String(ck.CKA_LABEL, "x")}, ck.CKR_OK},
			{on(ck.CKA_DECRYPT), ck.CKR_ATTRIBUTE_READ_ONLY},
			{off(ck.CKA_ENCRYPT), ck.CKR_ATTRIBUTE_READ_ONLY},
			{on(ck.CKA_MODIFIABLE, ck.CKA_WRAP), ck.CKR_ATTRIBUTE_READ_ONLY},
		} {
			_, err := r.CopyObject(user, key, c.tmpl)
			expect(t, policy, err, c.want)
		}
	}
}

// TestDatesOfEveryUse: a key that is over is used in no way, but leaves and is copied.
func TestDatesOfEveryUse(t *testing.T) {
	r := newRigWith(t, Options{Dates: true})
	user := r.login(ck.CKU_USER, userPIN)
	over := ck.Template{ck.Bytes(ck.CKA_END_DATE, []byte(time.Now().UTC().AddDate(0, 0, -2).Format(dateLayout)))}
	key := r.secretKey(user, join(on(ck.CKA_ENCRYPT, ck.CKA_DECRYPT, ck.CKA_SIGN, ck.CKA_VERIFY, ck.CKA_EXTRACTABLE), over)...)
	wrapping := r.secretKey(user, join(on(ck.CKA_WRAP, ck.CKA_UNWRAP), over)...)
	base := r.secretKey(user, join(on(ck.CKA_DERIVE), over)...)
	pub, priv := r.kemPair(user, ecGen, join(ck.Template{p256}, over), over)
	gcm := &ck.Mechanism{Type: ck.CKM_AES_GCM, Param: &ck.MessageParams{
		Kind: ck.GCMMessage, Nonce: make([]byte, 12), Generator: ck.CKG_GENERATE, Tag: make([]byte, 16), TagSize: 16}}
	cmac := &ck.Mechanism{Type: ck.CKM_AES_CMAC}
	out := make([]byte, 128)
	for name, use := range map[string]func() error{
		"encrypt":         func() error { _, err := r.Encrypt(user, ecb, key); return err },
		"decrypt":         func() error { _, err := r.Decrypt(user, ecb, key); return err },
		"sign":            func() error { _, err := r.Sign(user, cmac, key); return err },
		"verify":          func() error { _, err := r.Verify(user, cmac, key); return err },
		"message encrypt": func() error { _, err := r.MessageEncrypt(user, gcm, key); return err },
		"message decrypt": func() error { _, err := r.MessageDecrypt(user, gcm, key); return err },
		"wrap":            func() error { _, err := r.WrapKey(user, keyWrap, wrapping, key, out); return err },
		"unwrap":          func() error { _, err := r.UnwrapKey(user, keyWrap, wrapping, out[:24], aesKey); return err },
		"wrap, authenticated": func() error {
			_, err := r.WrapKeyAuthenticated(user, gcm, wrapping, key, nil, out)
			return err
		},
		"unwrap, authenticated": func() error {
			_, err := r.UnwrapKeyAuthenticated(user, gcm, wrapping, out[:16], nil, aesKey)
			return err
		},
		"derive":      func() error { _, err := r.DeriveKey(user, fromData, base, aesKey); return err },
		"encapsulate": func() error { _, _, err := r.EncapsulateKey(user, ecKEM, pub, aesKey, out); return err },
		"decapsulate": func() error { _, err := r.DecapsulateKey(user, ecKEM, priv, aesKey, out[:65]); return err },
	} {
		expect(t, name, use(), ck.CKR_KEY_FUNCTION_NOT_PERMITTED)
	}
	_, err := r.WrapKey(user, keyWrap, r.secretKey(user, on(ck.CKA_WRAP)...), key, out)
	expect(t, "leaving", err, ck.CKR_OK)
	_, err = r.CopyObject(user, key, nil)
	expect(t, "copying", err, ck.CKR_OK)
}

// TestDomainParameters: the curves of EC keys may be objects by themselves.
func TestDomainParameters(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	domain := func(kt ck.KeyType, more ...ck.Attribute) ck.Template {
		return join(ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_DOMAIN_PARAMETERS), ck.Ulong(ck.CKA_KEY_TYPE, kt)}, more)
	}
	printable, _ := hex.DecodeString("1309736563703235367231") // secp256r1
	for _, c := range []struct {
		name string
		tmpl ck.Template
		want ck.RV
	}{
		{"P-256", domain(ck.CKK_EC, p256), ck.CKR_OK},
		{"P-256 by name, of the token", domain(ck.CKK_EC, ck.Bytes(ck.CKA_EC_PARAMS, printable), ck.Bool(ck.CKA_TOKEN, true)), ck.CKR_OK},
		{"no curve", domain(ck.CKK_EC), ck.CKR_TEMPLATE_INCOMPLETE},
		{"no key type", domain(ck.CKK_EC, p256)[:1], ck.CKR_TEMPLATE_INCOMPLETE},
		{"P-256 for Edwards keys", domain(ck.CKK_EC_EDWARDS, p256), ck.CKR_CURVE_NOT_SUPPORTED},
		{"no parameters", domain(ck.CKK_EC, ck.Bytes(ck.CKA_EC_PARAMS, []byte{5, 0})), ck.CKR_DOMAIN_PARAMS_INVALID},
		{"another curve", domain(ck.CKK_EC, ck.Bytes(ck.CKA_EC_PARAMS, []byte{6, 1, 42})), ck.CKR_CURVE_NOT_SUPPORTED},
		{"DSA", domain(ck.CKK_DSA), ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"RSA", domain(ck.CKK_RSA), ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"local", domain(ck.CKK_EC, p256, ck.Bool(ck.CKA_LOCAL, true)), ck.CKR_ATTRIBUTE_READ_ONLY},
		{"a key's attribute", domain(ck.CKK_EC, p256, ck.Bool(ck.CKA_SIGN, true)), ck.CKR_TEMPLATE_INCONSISTENT},
	} {
		id, err := r.CreateObject(user, c.tmpl)
		expect(t, c.name, err, c.want)
		if err != nil {
			continue
		}
		p := r.again()
		who := loginTo(t, p, ck.CKU_USER, userPIN)
		if token, _ := c.tmpl.Bool(ck.CKA_TOKEN); !token {
			p, who = r.Partition, user
		}
		o := p.held(id).object
		if !bytes.Equal(o.Bytes(ck.CKA_EC_PARAMS), p256.Value) || o.Bool(ck.CKA_LOCAL) || o.Private() {
			t.Errorf("%s: %x", c.name, o.Bytes(ck.CKA_EC_PARAMS))
		}
		found, err := p.Find(who, domain(ck.CKK_EC, p256))
		if err != nil || len(found) == 0 {
			t.Errorf("%s: found %d, %v", c.name, len(found), err)
		}
		_, err = p.Sign(who, &ck.Mechanism{Type: ck.CKM_ECDSA}, id)
		expect(t, c.name+" as a key", err, ck.CKR_OBJECT_HANDLE_INVALID)
		expect(t, c.name+" destroyed", p.DestroyObject(who, id), ck.CKR_OK)
	}
}

// TestMixedPair: one half of a pair for the token, one for the session; a logout or a
// closed session takes the latter with it.
func TestMixedPair(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	pub, priv, err := r.GenerateKeyPair(user, ecGen, join(ck.Template{p256}, on(ck.CKA_TOKEN)), on(ck.CKA_SIGN))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Sign(user, &ck.Mechanism{Type: ck.CKM_ECDSA}, priv); err != nil {
		t.Error(err)
	}
	r.CloseSession(user.Session)
	_, err = r.Sign(user, &ck.Mechanism{Type: ck.CKM_ECDSA}, priv)
	expect(t, "the session's half", err, ck.CKR_OBJECT_HANDLE_INVALID)
	_, err = r.Verify(user, &ck.Mechanism{Type: ck.CKM_ECDSA}, pub)
	expect(t, "the token's half", err, ck.CKR_OK)

	// What the store refuses is not there, neither half of it.
	before := len(r.objects)
	whole := r.Partition.store
	r.Partition.store = store.Faulty(whole, 4, errors.New("no space"))
	_, _, err = r.GenerateKeyPair(user, ecGen, join(ck.Template{p256}, on(ck.CKA_TOKEN)), on(ck.CKA_SIGN))
	r.Partition.store = whole
	if err == nil || len(r.objects) != before {
		t.Errorf("%v; %d objects, %d before", err, len(r.objects), before)
	}

	// Who was logged out in the meantime gets neither.
	if err := r.Logout(user.Identity); err != nil {
		t.Fatal(err)
	}
	half, _, err := object.New(object.Request{Template: ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA), ck.Bool(ck.CKA_PRIVATE, true)}})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "without a login", r.insertToken(user, nil, []pair{{r.held(pub).object, nil}, {half, nil}}), ck.CKR_USER_NOT_LOGGED_IN)
}
