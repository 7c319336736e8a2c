package partition

import (
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// TestPolicyIsKept: what a partition was made with outlives processes and a new
// initialisation, whatever the configuration says then.
func TestPolicyIsKept(t *testing.T) {
	for _, c := range []struct {
		made Options
		want ck.RV // of a key that derives and decrypts
	}{
		{Options{}, ck.CKR_TEMPLATE_INCONSISTENT},
		{Options{Policy: object.StrictPolicy}, ck.CKR_TEMPLATE_INCONSISTENT},
		{Options{Policy: object.StandardPolicy}, ck.CKR_OK},
	} {
		r := newRigWith(t, c.made)
		for range 2 {
			p := r.again()
			who := loginTo(t, p, ck.CKU_USER, userPIN)
			_, err := p.GenerateKey(who, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, join(
				ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(16))}, on(ck.CKA_DERIVE, ck.CKA_DECRYPT)))
			expect(t, "policy "+c.made.Policy, err, c.want)
			if err := r.Initialise(soPIN, "again"); err != nil {
				t.Fatal(err)
			}
			so := r.login(ck.CKU_SO, soPIN)
			if err := r.InitPIN(so, userPIN); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestPolicyNames(t *testing.T) {
	err := Create(store.NewMemory(), testRoot(t), Options{KDF: cheap, Policy: "lax"}, "test", soPIN, nil)
	expect(t, "no such policy", err, ck.CKR_ARGUMENTS_BAD)
	for name, want := range map[string]string{"": object.StandardPolicy, object.StrictPolicy: object.StrictPolicy} {
		if rules, err := policyOf(header{Policy: name}); err != nil || rules.Name() != want {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestDates(t *testing.T) {
	day := func(n int) []byte { return []byte(time.Now().UTC().AddDate(0, 0, n).Format(dateLayout)) }
	for _, c := range []struct {
		name       string
		start, end []byte
		want       ck.RV
	}{
		{"no dates", nil, nil, ck.CKR_OK},
		{"started", day(-1), nil, ck.CKR_OK},
		{"starts today", day(0), nil, ck.CKR_OK},
		{"starts in two days", day(2), nil, ck.CKR_KEY_FUNCTION_NOT_PERMITTED},
		{"not over", nil, day(1), ck.CKR_OK},
		{"over", nil, day(-2), ck.CKR_KEY_FUNCTION_NOT_PERMITTED},
		{"between", day(-1), day(1), ck.CKR_OK},
	} {
		for _, dates := range []bool{false, true} {
			r := newRigWith(t, Options{Dates: dates})
			user := r.login(ck.CKU_USER, userPIN)
			key := r.secretKey(user, ck.Bool(ck.CKA_ENCRYPT, true), ck.Bytes(ck.CKA_START_DATE, c.start), ck.Bytes(ck.CKA_END_DATE, c.end))
			_, err := encrypt(r.Partition, user, key)
			want := c.want
			if !dates {
				want = ck.CKR_OK
			}
			expect(t, c.name, err, want)
		}
	}
}

// TestAlwaysAuthenticateAtOnce: where nobody can give the PIN in between, a key that
// wants it each time is not used, nor does it leave.
func TestAlwaysAuthenticateAtOnce(t *testing.T) {
	for _, policy := range []string{object.StrictPolicy, object.StandardPolicy} {
		r := newRigWith(t, Options{Policy: policy})
		user := r.login(ck.CKU_USER, userPIN)
		_, priv, err := r.GenerateKeyPair(user, ecGen, ck.Template{p256}, on(ck.CKA_ALWAYS_AUTHENTICATE, ck.CKA_DERIVE, ck.CKA_EXTRACTABLE))
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.DeriveKey(user, &ck.Mechanism{Type: ck.CKM_ECDH1_DERIVE, Param: &ck.ECDH1Params{}}, priv, nil)
		expect(t, "derive", err, ck.CKR_USER_NOT_LOGGED_IN)
		_, err = r.wrap(user, r.secretKey(user, on(ck.CKA_WRAP)...), priv)
		expect(t, "wrap", err, ck.CKR_USER_NOT_LOGGED_IN)
		_, priv, err = r.GenerateKeyPair(user, rsaGen, ck.Template{ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048))}, on(ck.CKA_ALWAYS_AUTHENTICATE, ck.CKA_UNWRAP))
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.UnwrapKey(user, oaep, priv, make([]byte, 256), aesKey)
		expect(t, "unwrap", err, ck.CKR_USER_NOT_LOGGED_IN)
	}
}

// TestClients: what real programs do and the strict policy lets them.
func TestClients(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	rsaBits := ck.Template{ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048))}

	// NSS and python-pkcs11 ask for every use of an RSA pair. They get it, but the
	// public half wraps only what can be read anyway.
	pub, priv, err := r.GenerateKeyPair(user, rsaGen, join(rsaBits, on(ck.CKA_ENCRYPT, ck.CKA_VERIFY, ck.CKA_WRAP)),
		on(ck.CKA_DECRYPT, ck.CKA_SIGN, ck.CKA_UNWRAP))
	if err != nil {
		t.Fatal(err)
	}
	target := r.secretKey(user, ck.Bool(ck.CKA_EXTRACTABLE, true))
	out := make([]byte, 256)
	_, err = r.WrapKey(user, oaep, pub, target, out)
	expect(t, "a sensitive key under a pair that decrypts", err, ck.CKR_KEY_HANDLE_INVALID)
	open := r.secretKey(user, readable...)
	if _, err = r.WrapKey(user, oaep, pub, open, out); err != nil {
		t.Errorf("a readable key under a pair that decrypts: %v", err)
	}
	// Java and TLS servers unwrap with PKCS #1 v1.5 what came from outside.
	pkcs := &ck.Mechanism{Type: ck.CKM_RSA_PKCS}
	if _, err = r.WrapKey(user, pkcs, pub, open, out); err == nil {
		_, err = r.UnwrapKey(user, pkcs, priv, out, aesKey)
	}
	expect(t, "PKCS #1 v1.5 with a pair that wraps nothing sensitive", err, ck.CKR_OK)

	// A pair for wrapping alone wraps, by sound mechanisms.
	pub, priv, err = r.GenerateKeyPair(user, rsaGen, join(rsaBits, on(ck.CKA_WRAP)), on(ck.CKA_UNWRAP))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = r.WrapKey(user, oaep, pub, target, out); err != nil {
		t.Errorf("a sensitive key under a pair for wrapping: %v", err)
	}
	if _, err = r.UnwrapKey(user, oaep, priv, out, join(aesKey, on(ck.CKA_ENCRYPT))); err != nil {
		t.Errorf("unwrapping it: %v", err)
	}
	_, err = r.UnwrapKey(user, pkcs, priv, out, aesKey)
	expect(t, "PKCS #1 v1.5 with a pair for wrapping", err, ck.CKR_MECHANISM_INVALID)
}

// TestKeyForAllUses: python-pkcs11 and many others ask for all uses of an AES key at
// once. They get them, but the key wraps only what can be read anyway, and so do its
// copies, whatever uses they give up.
func TestKeyForAllUses(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	target, open := r.secretKey(user, on(ck.CKA_EXTRACTABLE)...), r.secretKey(user, readable...)
	key := r.secretKey(user, on(ck.CKA_ENCRYPT, ck.CKA_DECRYPT, ck.CKA_WRAP, ck.CKA_UNWRAP, ck.CKA_SIGN, ck.CKA_VERIFY)...)
	if _, err := encrypt(r.Partition, user, key); err != nil {
		t.Errorf("encrypt: %v", err)
	}
	part, err := r.CopyObject(user, key, off(ck.CKA_ENCRYPT, ck.CKA_DECRYPT, ck.CKA_SIGN, ck.CKA_VERIFY))
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, 64)
	for _, w := range []api.ObjectID{key, part} {
		_, err := r.WrapKey(user, keyWrap, w, target, out)
		expect(t, "a sensitive key", err, ck.CKR_KEY_HANDLE_INVALID)
		n, err := r.WrapKey(user, keyWrap, w, open, out)
		expect(t, "a readable key", err, ck.CKR_OK)
		_, err = r.UnwrapKey(user, keyWrap, w, out[:n], join(aesKey, on(ck.CKA_ENCRYPT, ck.CKA_DECRYPT)))
		expect(t, "unwrapping it", err, ck.CKR_OK)
	}
	value := ck.Bytes(ck.CKA_VALUE, make([]byte, 16))
	_, err = r.CreateObject(user, join(aesKey, ck.Template{value}, on(ck.CKA_ENCRYPT, ck.CKA_DECRYPT, ck.CKA_WRAP, ck.CKA_UNWRAP)))
	expect(t, "a key from outside", err, ck.CKR_OK)
	_, err = r.GenerateKey(user, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, join(ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(16))},
		on(ck.CKA_DECRYPT, ck.CKA_WRAP), ck.Template{{Type: ck.CKA_WRAP_TEMPLATE, Nested: on(ck.CKA_SENSITIVE)}}))
	expect(t, "a template for sensitive keys", err, ck.CKR_TEMPLATE_INCONSISTENT)
}

// TestTrustedPair: what must leave under trusted keys does not come back, through an RSA
// pair of which the officer trusts the public half, as something that need not.
func TestTrustedPair(t *testing.T) {
	r := newRig(t)
	user, so := r.login(ck.CKU_USER, userPIN), r.login(ck.CKU_SO, soPIN)
	bits := ck.Template{ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048))}
	target := r.secretKey(user, on(ck.CKA_EXTRACTABLE, ck.CKA_WRAP_WITH_TRUSTED)...)
	for _, c := range []struct {
		name             string
		private          ck.Template
		wrap, back, stay ck.RV // wrapping; unwrapping as extractable, and as not
	}{
		{"for wrapping", nil, ck.CKR_OK, ck.CKR_TEMPLATE_INCONSISTENT, ck.CKR_OK},
		{"that lets keys out", giving(on(ck.CKA_EXTRACTABLE)...), ck.CKR_KEY_HANDLE_INVALID, ck.CKR_WRAPPED_KEY_INVALID, ck.CKR_WRAPPED_KEY_INVALID},
		{"for all uses", on(ck.CKA_DECRYPT, ck.CKA_SIGN), ck.CKR_KEY_HANDLE_INVALID, ck.CKR_WRAPPED_KEY_INVALID, ck.CKR_WRAPPED_KEY_INVALID},
	} {
		pub, priv, err := r.GenerateKeyPair(user, rsaGen, join(bits, on(ck.CKA_WRAP)), join(on(ck.CKA_UNWRAP), c.private))
		if err == nil {
			err = r.SetAttributes(so, pub, on(ck.CKA_TRUSTED))
		}
		if err != nil {
			t.Fatal(err)
		}
		out := make([]byte, 256)
		_, err = r.WrapKey(user, oaep, pub, target, out)
		expect(t, c.name, err, c.wrap)
		_, err = r.UnwrapKey(user, oaep, priv, out, join(aesKey, on(ck.CKA_ENCRYPT, ck.CKA_EXTRACTABLE)))
		expect(t, c.name+", extractable", err, c.back)
		_, err = r.UnwrapKey(user, oaep, priv, out, join(aesKey, off(ck.CKA_EXTRACTABLE)))
		expect(t, c.name+", not extractable", err, c.stay)
	}
}

// TestAgreedSecretIsRead: pkcs11-tool, pkcs11-provider and Java's KeyAgreement read the
// secret that a sensitive key has agreed upon; the other side knows it too.
func TestAgreedSecretIsRead(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	pub, priv, err := r.GenerateKeyPair(user, ecGen, ck.Template{p256}, on(ck.CKA_DERIVE))
	if err != nil {
		t.Fatal(err)
	}
	point := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_EC_POINT}}}
	if err := r.Attributes(user, pub, point); err != nil {
		t.Fatal(err)
	}
	m := &ck.Mechanism{Type: ck.CKM_ECDH1_DERIVE, Param: &ck.ECDH1Params{KDF: ck.CKD_NULL, PublicData: point[0].Value}}
	key, err := r.DeriveKey(user, m, priv, join(genericKey, readable))
	if err != nil {
		t.Fatal(err)
	}
	value := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_VALUE}}}
	if err := r.Attributes(user, key, value); err != nil || value[0].RV != ck.CKR_OK || len(value[0].Value) != 32 {
		t.Errorf("%v, %v", err, value[0].RV)
	}
}

// TestDamageLooksAlike: whatever is wrong with what a mechanism protects, C_Decrypt
// has one answer and C_UnwrapKey has one.
func TestDamageLooksAlike(t *testing.T) {
	r := newRigWith(t, Options{Policy: object.StandardPolicy})
	user := r.login(ck.CKU_USER, userPIN)
	all := on(ck.CKA_WRAP, ck.CKA_UNWRAP, ck.CKA_ENCRYPT, ck.CKA_DECRYPT)
	aes := r.secretKey(user, all...)
	pub, priv, err := r.GenerateKeyPair(user, rsaGen, join(ck.Template{ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048))}, on(ck.CKA_WRAP)),
		on(ck.CKA_UNWRAP, ck.CKA_DECRYPT))
	if err != nil {
		t.Fatal(err)
	}
	key := r.secretKey(user, on(ck.CKA_EXTRACTABLE)...)
	for _, c := range []struct {
		m                *ck.Mechanism
		wraps, unwraps   api.ObjectID
		first, step, end int // which bytes are damaged, one after the other; end from the back
	}{
		{&ck.Mechanism{Type: ck.CKM_AES_CBC_PAD, Param: &ck.BytesParam{Bytes: iv}}, aes, aes, -17, 1, -16}, // the last byte of the padding
		{keyWrap, aes, aes, 0, 3, 0},
		{&ck.Mechanism{Type: ck.CKM_AES_KEY_WRAP}, aes, aes, 0, 3, 0},
		{gcmSame, aes, aes, 0, 5, 0},
		{oaep, pub, priv, 1, 50, 0},
		{&ck.Mechanism{Type: ck.CKM_RSA_PKCS}, pub, priv, 1, 50, 0},
	} {
		out := make([]byte, 512)
		n, err := r.WrapKey(user, c.m, c.wraps, key, out)
		if err != nil {
			t.Fatalf("%v: %v", c.m.Type, err)
		}
		first, end := c.first, n+c.end
		if first < 0 {
			first += n
		}
		for i := first; i < end; i += c.step {
			bad := append([]byte(nil), out[:n]...)
			bad[i] ^= 0x40
			op, err := r.Decrypt(user, c.m, c.unwraps)
			_, err = run(op, err, bad)
			expect(t, c.m.Type.String()+" decrypt", err, ck.CKR_ENCRYPTED_DATA_INVALID)
			_, err = r.UnwrapKey(user, c.m, c.unwraps, bad, aesKey)
			expect(t, c.m.Type.String()+" unwrap", err, ck.CKR_WRAPPED_KEY_INVALID)
		}
	}
}
