package partition

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/store"
)

var (
	soPIN   = []byte("so-pin-1")
	userPIN = []byte("user-pin-1")
)

// cheap is a KDF for tests that are not about its cost.
var cheap = seal.KDF{Time: 1, Memory: 64, Threads: 1}

func testRoot(t testing.TB) *seal.Root {
	t.Helper()
	root, err := rootOfTests()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func rootOfTests() (*seal.Root, error) { return seal.NewRoot(secret.From(bytes.Repeat([]byte{7}, 32))) }

// rig is a partition in memory with both PINs set.
type rig struct {
	t     testing.TB
	store store.Store
	root  *seal.Root
	*Partition
}

func newRig(t testing.TB) *rig { return newRigWith(t, Options{}) }

// newRigWith makes one with another policy than usual.
func newRigWith(t testing.TB, o Options) *rig {
	t.Helper()
	return newRigOn(t, store.NewMemory(), o)
}

// newRigOn makes one in an empty store.
func newRigOn(t testing.TB, st store.Store, o Options) *rig {
	t.Helper()
	o.KDF = cheap
	if o.Delay == 0 {
		o.Delay = -1 // for tests that guess on and on
	}
	r := &rig{t: t, store: st, root: testRoot(t)}
	if err := Create(r.store, r.root, o, "test", soPIN, nil); err != nil {
		t.Fatal(err)
	}
	r.Partition = r.again()
	so := r.login(ck.CKU_SO, soPIN)
	if err := r.InitPIN(so, userPIN); err != nil {
		t.Fatal(err)
	}
	if err := r.Logout(so.Identity); err != nil {
		t.Fatal(err)
	}
	return r
}

// again opens the same store a second time, as another process would.
func (r *rig) again() *Partition {
	r.t.Helper()
	p, err := Open(r.store, r.root, Options{KDF: cheap})
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *rig) login(user ck.UserType, pin []byte) api.Caller {
	return loginTo(r.t, r.Partition, user, pin)
}

func loginTo(t testing.TB, p *Partition, user ck.UserType, pin []byte) api.Caller {
	t.Helper()
	id, err := p.Login(user, pin)
	if err != nil {
		t.Fatalf("Login: %v", err)
	}
	return api.Caller{Identity: id, Session: 1, ReadWrite: true}
}

// secretKeys finds them all.
var secretKeys = ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY)}

func aesTemplate(token bool, label string) ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_VALUE_LEN, uint64(32)),
		ck.Bool(ck.CKA_TOKEN, token),
		ck.Bool(ck.CKA_ENCRYPT, true),
		ck.Bool(ck.CKA_DECRYPT, true),
		ck.String(ck.CKA_LABEL, label),
	}
}

func (r *rig) generate(who api.Caller, token bool, label string) api.ObjectID {
	r.t.Helper()
	id, err := r.GenerateKey(who, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, aesTemplate(token, label))
	if err != nil {
		r.t.Fatalf("GenerateKey: %v", err)
	}
	return id
}

func expect(t testing.TB, what string, err error, want ck.RV) {
	t.Helper()
	if ck.Code(err) != want {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// encrypt runs AES-ECB over one block, to tell keys apart.
func encrypt(p *Partition, who api.Caller, key api.ObjectID) ([]byte, error) {
	op, err := p.Encrypt(who, &ck.Mechanism{Type: ck.CKM_AES_ECB}, key)
	if err != nil {
		return nil, err
	}
	defer op.Close()
	out := make([]byte, 16)
	_, err = op.OneShot(out, make([]byte, 16))
	return out, err
}

func TestKeyOutlivesProcess(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	id := r.generate(user, true, "k")
	want, err := encrypt(r.Partition, user, id)
	if err != nil {
		t.Fatal(err)
	}
	p := r.again()
	if p.Exists(api.Caller{}, id) {
		t.Error("a private key is there before login")
	}
	other := loginTo(t, p, ck.CKU_USER, userPIN)
	got, err := encrypt(p, other, id)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the key is another one after opening it again")
	}
}

func TestProcessesSeeEachOther(t *testing.T) {
	r := newRig(t)
	p := r.again()
	user, other := r.login(ck.CKU_USER, userPIN), loginTo(t, p, ck.CKU_USER, userPIN)
	id := r.generate(user, true, "made by the first")
	find := ck.Template{ck.String(ck.CKA_LABEL, "made by the first")}
	found, err := p.Find(other, find)
	if err != nil || len(found) != 1 || found[0] != id {
		t.Fatalf("the second finds %v, %v", found, err)
	}
	if err := p.SetAttributes(other, id, ck.Template{ck.String(ck.CKA_LABEL, "renamed")}); err != nil {
		t.Fatal(err)
	}
	if found, _ := r.Find(user, find); len(found) != 0 {
		t.Error("the first does not see the new label")
	}
	if _, err := encrypt(r.Partition, user, id); err != nil {
		t.Errorf("the key cannot be used after a change: %v", err)
	}
	if err := r.DestroyObject(user, id); err != nil {
		t.Fatal(err)
	}
	if p.Exists(other, id) {
		t.Error("the second still has what the first destroyed")
	}
}

func TestLogoutHidesPrivateObjects(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	token, session := r.generate(user, true, "token"), r.generate(user, false, "session")
	if err := r.Logout(user.Identity); err != nil {
		t.Fatal(err)
	}
	for _, id := range []api.ObjectID{token, session} {
		if r.Exists(user, id) {
			t.Error("a private object is there after logout, for a stale identity")
		}
	}
	expect(t, "second logout", r.Logout(user.Identity), ck.CKR_USER_NOT_LOGGED_IN)
	user = r.login(ck.CKU_USER, userPIN)
	if !r.Exists(user, token) {
		t.Error("the token object is gone after the next login")
	}
	if r.Exists(user, session) {
		t.Error("the session object outlived the logout")
	}
}

func TestLockout(t *testing.T) {
	r := newRig(t)
	for i := range 10 {
		_, err := r.Login(ck.CKU_USER, []byte("wrong"))
		expect(t, "wrong PIN", err, ck.CKR_PIN_INCORRECT)
		flags := r.Info().Flags
		if low := flags&ck.CKF_USER_PIN_COUNT_LOW != 0; !low {
			t.Error("CKF_USER_PIN_COUNT_LOW is not set after a failure")
		}
		if last := flags&ck.CKF_USER_PIN_FINAL_TRY != 0; last != (i == 8) {
			t.Errorf("CKF_USER_PIN_FINAL_TRY is %t after %d failures", last, i+1)
		}
		if locked := flags&ck.CKF_USER_PIN_LOCKED != 0; locked != (i == 9) {
			t.Errorf("CKF_USER_PIN_LOCKED is %t after %d failures", locked, i+1)
		}
	}
	_, err := r.Login(ck.CKU_USER, userPIN)
	expect(t, "right PIN when locked", err, ck.CKR_PIN_LOCKED)
	_, err = r.again().Login(ck.CKU_USER, userPIN)
	expect(t, "right PIN when locked, in another process", err, ck.CKR_PIN_LOCKED)

	so := r.login(ck.CKU_SO, soPIN)
	if err := r.InitPIN(so, []byte("next-pin")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Login(ck.CKU_USER, []byte("next-pin")); err != nil {
		t.Errorf("the SO's new PIN: %v", err)
	}
}

func TestRightPINGivesTriesBack(t *testing.T) {
	r := newRig(t)
	for range 3 {
		for range 9 {
			r.Login(ck.CKU_USER, []byte("wrong"))
		}
		r.Logout(r.login(ck.CKU_USER, userPIN).Identity)
	}
}

func TestSetPIN(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	id := r.generate(user, true, "k")
	expect(t, "wrong old PIN", r.SetPIN(ck.CKU_USER, []byte("wrong"), []byte("new-pin")), ck.CKR_PIN_INCORRECT)
	expect(t, "short new PIN", r.SetPIN(ck.CKU_USER, userPIN, []byte("abc")), ck.CKR_PIN_LEN_RANGE)
	if err := r.SetPIN(ck.CKU_USER, userPIN, []byte("new-pin")); err != nil {
		t.Fatal(err)
	}
	p := r.again()
	_, err := p.Login(ck.CKU_USER, userPIN)
	expect(t, "old PIN", err, ck.CKR_PIN_INCORRECT)
	if other := loginTo(t, p, ck.CKU_USER, []byte("new-pin")); !p.Exists(other, id) {
		t.Error("the key is gone after a change of PIN")
	}
}

func TestInitPINNeedsSO(t *testing.T) {
	r := newRig(t)
	expect(t, "public", r.InitPIN(api.Caller{ReadWrite: true}, userPIN), ck.CKR_USER_NOT_LOGGED_IN)
	expect(t, "user", r.InitPIN(r.login(ck.CKU_USER, userPIN), userPIN), ck.CKR_USER_NOT_LOGGED_IN)
}

func TestInitialise(t *testing.T) {
	r := newRig(t)
	p := r.again()
	user := loginTo(t, p, ck.CKU_USER, userPIN)
	old := r.generate(r.login(ck.CKU_USER, userPIN), true, "k")
	serial := r.Info().Serial
	expect(t, "wrong SO PIN", r.Initialise([]byte("wrong"), "new"), ck.CKR_PIN_INCORRECT)
	if err := r.Initialise(soPIN, "new"); err != nil {
		t.Fatal(err)
	}
	info := r.Info()
	if info.Label != "new" || info.Serial != serial || info.Objects != 0 || info.Flags&ck.CKF_USER_PIN_INITIALIZED != 0 {
		t.Errorf("after initialisation: %+v", info)
	}
	_, err := r.Login(ck.CKU_USER, userPIN)
	expect(t, "user without a PIN", err, ck.CKR_USER_PIN_NOT_INITIALIZED)
	if p.Exists(user, old) {
		t.Error("another process still has the old token's key")
	}
	_, err = p.GenerateKey(user, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, aesTemplate(true, "late"))
	expect(t, "stale login", err, ck.CKR_USER_NOT_LOGGED_IN)
}

func TestReadOnlySession(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	id := r.generate(user, true, "k")
	user.ReadWrite = false
	_, err := r.GenerateKey(user, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, aesTemplate(true, "k"))
	expect(t, "generate", err, ck.CKR_SESSION_READ_ONLY)
	expect(t, "destroy", r.DestroyObject(user, id), ck.CKR_SESSION_READ_ONLY)
	expect(t, "set", r.SetAttributes(user, id, ck.Template{ck.String(ck.CKA_LABEL, "x")}), ck.CKR_SESSION_READ_ONLY)
	if _, err := r.GenerateKey(user, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, aesTemplate(false, "s")); err != nil {
		t.Errorf("a session object in a read-only session: %v", err)
	}
}

func TestSessionObjectsGoWithSession(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	mine := r.generate(user, false, "mine")
	other := user
	other.Session = 2
	theirs := r.generate(other, false, "theirs")
	r.CloseSession(1)
	if r.Exists(user, mine) || !r.Exists(user, theirs) {
		t.Error("closing a session must destroy its own objects and no others")
	}
}

func TestFindOrder(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	var want []api.ObjectID
	for range 5 {
		want = append(want, r.generate(user, true, "same"))
	}
	want = append(want, r.generate(user, false, "same"))
	if err := r.SetAttributes(user, want[1], ck.Template{ck.Bytes(ck.CKA_ID, []byte{1})}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []ck.Template{{ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES)}, {ck.String(ck.CKA_LABEL, "same")}, {ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY)}} {
		got, err := r.Find(user, p)
		if err != nil || len(got) != len(want) {
			t.Fatalf("found %d of %d: %v", len(got), len(want), err)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("place %d has another object than was made there", i)
			}
		}
	}
}
