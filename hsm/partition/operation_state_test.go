package partition

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// saveOne saves one operation, which m has started with key.
func saveOne(p *Partition, who api.Caller, init ck.Flags, m *ck.Mechanism, key api.ObjectID, op api.Operation) ([]byte, error) {
	return p.SaveOperations(who, []api.Started{{Init: init, Mechanism: m, Key: key, Parts: true, Operation: op}}, []byte("context"))
}

// A saved digest is opened by the partition that saved it, under the login and in
// the context it was saved in, and by nobody else.
func TestSavedDigest(t *testing.T) {
	p, other := new(Partition), new(Partition)
	sha256, who := &ck.Mechanism{Type: ck.CKM_SHA256}, api.Caller{Identity: 7}
	digest := func() api.Digester {
		d, err := p.Digest(sha256)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := digest()
	if err := d.Update([]byte("ab")); err != nil {
		t.Fatal(err)
	}
	state, err := saveOne(p, who, ck.CKF_DIGEST, sha256, api.ObjectID{}, d)
	if err != nil {
		t.Fatal(err)
	}
	again, err := saveOne(p, who, ck.CKF_DIGEST, sha256, api.ObjectID{}, d)
	if err != nil || bytes.Equal(again, state) {
		t.Errorf("the same twice: %v", err)
	}
	newer := append([]byte{stateVersion + 1}, state[1:]...)
	for name, c := range map[string]struct {
		p              *Partition
		who            api.Caller
		state, context []byte
	}{
		"another partition": {other, who, state, []byte("context")},
		"another login":     {p, api.Caller{Identity: 8}, state, []byte("context")},
		"another context":   {p, who, state, []byte("Context")},
		"no context":        {p, who, state, nil},
		"another version":   {p, who, newer, []byte("context")},
		"nothing":           {p, who, nil, []byte("context")},
		"a version":         {p, who, state[:1], []byte("context")},
		"cut":               {p, who, state[:len(state)-1], []byte("context")},
	} {
		_, err := c.p.RestoreOperations(c.who, c.state, c.context)
		expect(t, name, err, ck.CKR_SAVED_STATE_INVALID)
	}
	ops, err := p.RestoreOperations(who, state, []byte("context"))
	if err != nil {
		t.Fatal(err)
	}
	if len(ops) != 1 || ops[0].Init != ck.CKF_DIGEST || !ops[0].Parts || ops[0].Mechanism.Type != ck.CKM_SHA256 {
		t.Fatalf("%+v", ops)
	}
	back := ops[0].Operation.(api.Digester)
	if err := back.Update([]byte("c")); err != nil {
		t.Fatal(err)
	}
	want, got := make([]byte, 32), make([]byte, 32)
	if _, err := digest().OneShot(want, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	if _, err := back.Final(got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, want %x (%v)", got, want, err)
	}
}

// A saved state holds no key, and who looks at its length learns no more than how
// much data is held.
func TestSavedStateIsSealed(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	value := []byte("a key to look for in the state..")
	key, err := r.CreateObject(user, ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET),
		ck.Bytes(ck.CKA_VALUE, value), ck.Bool(ck.CKA_SIGN, true), ck.Bool(ck.CKA_VERIFY, true),
	})
	if err != nil {
		t.Fatal(err)
	}
	m := &ck.Mechanism{Type: ck.CKM_SHA256_HMAC}
	op, err := r.Sign(user, m, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := op.Update([]byte("some of the data")); err != nil {
		t.Fatal(err)
	}
	state, err := saveOne(r.Partition, user, ck.CKF_SIGN, m, key, op)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range [][]byte{value[:8], []byte("some of"), key[:4]} {
		if bytes.Contains(state, secret) {
			t.Errorf("%q is in the state", secret)
		}
	}
}

// Whoever may not use the key any more has nothing of the state.
func TestSavedStateAndRights(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	key := r.generate(user, true, "key")
	m := &ck.Mechanism{Type: ck.CKM_AES_ECB}
	op, err := r.Decrypt(user, m, key)
	if err != nil {
		t.Fatal(err)
	}
	state, err := saveOne(r.Partition, user, ck.CKF_DECRYPT, m, key, op)
	if err != nil {
		t.Fatal(err)
	}
	restore := func(who api.Caller) error {
		_, err := r.RestoreOperations(who, state, []byte("context"))
		return err
	}
	expect(t, "as it was", restore(user), ck.CKR_OK)
	if err := r.Logout(user.Identity); err != nil {
		t.Fatal(err)
	}
	expect(t, "after logout", restore(user), ck.CKR_SAVED_STATE_INVALID)
	user = r.login(ck.CKU_USER, userPIN)
	expect(t, "of another login", restore(user), ck.CKR_SAVED_STATE_INVALID)
	if state, err = saveOne(r.Partition, user, ck.CKF_DECRYPT, m, key, op); err != nil {
		t.Fatal(err)
	}
	expect(t, "before the key changes", restore(user), ck.CKR_OK)
	if err := r.SetAttributes(user, key, ck.Template{ck.Bool(ck.CKA_DECRYPT, false)}); err != nil {
		t.Fatal(err)
	}
	expect(t, "no longer for this", restore(user), ck.CKR_SAVED_STATE_INVALID)
}

// The PIN that opened an operation does not open what is restored of it.
func TestSavedStateWantsPIN(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	_, priv, err := r.GenerateKeyPair(user, ecGen, ck.Template{p256}, ck.Template{ck.Bool(ck.CKA_ALWAYS_AUTHENTICATE, true)})
	if err != nil {
		t.Fatal(err)
	}
	m := &ck.Mechanism{Type: ck.CKM_ECDSA_SHA256}
	op, err := r.Sign(user, m, priv)
	if err != nil {
		t.Fatal(err)
	}
	if err := op.(api.ContextLogin).Authenticate(userPIN); err != nil {
		t.Fatal(err)
	}
	if err := op.Update([]byte("data")); err != nil {
		t.Fatal(err)
	}
	state, err := saveOne(r.Partition, user, ck.CKF_SIGN, m, priv, op)
	if err != nil {
		t.Fatal(err)
	}
	ops, err := r.RestoreOperations(user, state, []byte("context"))
	if err != nil {
		t.Fatal(err)
	}
	back, out := ops[0].Operation.(api.Signer), make([]byte, 64)
	_, err = back.Final(out)
	expect(t, "without the PIN", err, ck.CKR_USER_NOT_LOGGED_IN)
	if err := back.(api.ContextLogin).Authenticate(userPIN); err != nil {
		t.Fatal(err)
	}
	_, err = back.Final(out)
	expect(t, "with the PIN", err, ck.CKR_OK)
}
