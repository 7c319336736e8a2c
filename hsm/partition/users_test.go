package partition

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

var alicePIN = []byte("alice-pin-1")

// newRigWithAlice has a user called alice beside the one without a name.
func newRigWithAlice(t testing.TB) (r *rig, so api.Caller) {
	t.Helper()
	r = newRig(t)
	so = r.login(ck.CKU_SO, soPIN)
	if err := r.CreateUser(so, "alice", alicePIN); err != nil {
		t.Fatal(err)
	}
	return r, so
}

func loginAs(t testing.TB, p *Partition, name string, pin []byte) api.Caller {
	t.Helper()
	id, err := p.LoginUser(ck.CKU_USER, name, pin)
	if err != nil {
		t.Fatalf("LoginUser %s: %v", name, err)
	}
	return api.Caller{Identity: id, Session: 1, ReadWrite: true}
}

func TestUserNames(t *testing.T) {
	r, so := newRigWithAlice(t)
	for name, want := range map[string]ck.RV{
		"":                       ck.CKR_ARGUMENTS_BAD,
		"alice":                  ck.CKR_ARGUMENTS_BAD, // is there
		"Alice":                  ck.CKR_OK,
		"so":                     ck.CKR_ARGUMENTS_BAD, // as the log calls others
		"user":                   ck.CKR_ARGUMENTS_BAD,
		"public":                 ck.CKR_ARGUMENTS_BAD,
		"unknown":                ck.CKR_ARGUMENTS_BAD,
		"SO":                     ck.CKR_OK,
		"no\nlines":              ck.CKR_ARGUMENTS_BAD,
		"\x7f":                   ck.CKR_ARGUMENTS_BAD,
		"\u0085":                 ck.CKR_ARGUMENTS_BAD,
		"\xff":                   ck.CKR_ARGUMENTS_BAD,
		"Zoë with spaces":        ck.CKR_OK,
		"Zoe\u0308 with spaces":  ck.CKR_OK, // another name: bytes are compared
		strings.Repeat("x", 255): ck.CKR_OK,
		strings.Repeat("x", 256): ck.CKR_ARGUMENTS_BAD,
	} {
		expect(t, fmt.Sprintf("create %q", name), r.CreateUser(so, name, alicePIN), want)
		if want == ck.CKR_OK {
			loginAs(t, r.Partition, name, alicePIN)
		}
	}
	users, err := r.Users(so)
	if err != nil || len(users) != 6 || users[0].Name != "Alice" || users[2].Name != "Zoe\u0308 with spaces" || users[4].Name != "alice" {
		t.Errorf("users: %+v, %v", users, err)
	}
}

func TestOnlyTheSOLooksAfterUsers(t *testing.T) {
	r, _ := newRigWithAlice(t)
	for name, who := range map[string]api.Caller{
		"the public": {ReadWrite: true},
		"the user":   r.login(ck.CKU_USER, userPIN),
		"alice":      loginAs(t, r.Partition, "alice", alicePIN),
	} {
		for act, err := range map[string]error{
			"create": r.CreateUser(who, "bob", alicePIN),
			"delete": r.DeleteUser(who, "alice"),
			"PIN":    r.InitUserPIN(who, "alice", userPIN),
			"unlock": r.UnlockUser(who, "alice"),
			"policy": r.SetPINPolicy(who, api.PINPolicy{MinLength: 4, MaxLength: 5, Tries: 1}),
			"list":   second(r.Users(who)),
		} {
			expect(t, name+": "+act, err, ck.CKR_USER_NOT_LOGGED_IN)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestUserWhoIsNotThere(t *testing.T) {
	r, so := newRigWithAlice(t)
	for act, err := range map[string]error{
		"delete":                r.DeleteUser(so, "bob"),
		"delete the unnamed":    r.DeleteUser(so, ""),
		"PIN":                   r.InitUserPIN(so, "bob", alicePIN),
		"unlock":                r.UnlockUser(so, "bob"),
		"create with alice's":   r.CreateUser(so, "alice", alicePIN),
		"a policy of no length": r.SetPINPolicy(so, api.PINPolicy{Tries: 3}),
	} {
		expect(t, act, err, ck.CKR_ARGUMENTS_BAD)
	}
}

// Users share the private objects, whoever made them.
func TestUsersShareObjects(t *testing.T) {
	r, _ := newRigWithAlice(t)
	id := r.generate(r.login(ck.CKU_USER, userPIN), true, "k")
	p := r.again()
	alice := loginAs(t, p, "alice", alicePIN)
	if _, err := encrypt(p, alice, id); err != nil {
		t.Errorf("alice cannot use the user's key: %v", err)
	}
	made, err := p.GenerateKey(alice, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, aesTemplate(true, "hers"))
	if err != nil {
		t.Fatal(err)
	}
	if !r.Exists(r.login(ck.CKU_USER, userPIN), made) {
		t.Error("the user does not see alice's key")
	}
}

// A lockout is a user's own and outlives the process; the SO undoes it, with a new PIN
// or without.
func TestUserLockout(t *testing.T) {
	r, so := newRigWithAlice(t)
	for range 10 {
		_, err := r.LoginUser(ck.CKU_USER, "alice", []byte("wrong"))
		expect(t, "wrong PIN", err, ck.CKR_PIN_INCORRECT)
	}
	expect(t, "locked", second(r.again().LoginUser(ck.CKU_USER, "alice", alicePIN)), ck.CKR_PIN_LOCKED)
	if flags := r.Info().Flags; flags&(ck.CKF_USER_PIN_LOCKED|ck.CKF_USER_PIN_COUNT_LOW) != 0 {
		t.Errorf("the flags of the user without a name are %x", flags)
	}
	r.login(ck.CKU_USER, userPIN)
	if u, err := r.Users(so); err != nil || len(u) != 1 || !u[0].Locked || u[0].Failures != 10 {
		t.Errorf("users: %+v, %v", u, err)
	}
	if err := r.UnlockUser(so, "alice"); err != nil {
		t.Fatal(err)
	}
	loginAs(t, r.Partition, "alice", alicePIN)
	if err := r.InitUserPIN(so, "alice", []byte("another")); err != nil {
		t.Fatal(err)
	}
	expect(t, "the old PIN", second(r.LoginUser(ck.CKU_USER, "alice", alicePIN)), ck.CKR_PIN_INCORRECT)
	loginAs(t, r.Partition, "alice", []byte("another"))
}

// A name that nobody has is answered as a wrong PIN is, code by code, and takes the
// same work; any name of an SO too.
func TestStrangersLookLikeUsers(t *testing.T) {
	r, _ := newRigWithAlice(t)
	codes := func(user ck.UserType, name string) (all []ck.RV) {
		for range 12 {
			all = append(all, ck.Code(second(r.again().LoginUser(user, name, []byte("wrong")))))
		}
		return all
	}
	want := fmt.Sprint(codes(ck.CKU_USER, "alice"))
	for _, name := range []string{"nobody", "alicf", strings.Repeat("x", 1000), "\xff\n"} {
		if got := fmt.Sprint(codes(ck.CKU_USER, name)); got != want {
			t.Errorf("%.20q: %s, alice %s", name, got, want)
		}
	}
	if got := fmt.Sprint(codes(ck.CKU_SO, "alice")); got != want {
		t.Errorf("an SO with a name: %s", got)
	}
	r.login(ck.CKU_SO, soPIN)
}

func TestStrangersTakeAsLong(t *testing.T) {
	r, so := newRigWithAlice(t)
	r.Partition.options.KDF = seal.KDF{Time: 1, Memory: 16 << 10, Threads: 1}
	for name, pin := range map[string][]byte{"": userPIN, "alice": alicePIN} {
		if err := r.InitUserPIN(so, name, pin); err != nil {
			t.Fatal(err)
		}
	}
	r.Partition.options.KDF = cheap // what PINs are set under now says nothing of these
	// In turns, and the best of each: other programs run on this machine as well.
	best := map[string]time.Duration{"alice": time.Hour, "nobody": time.Hour}
	for range 8 {
		for name := range best {
			start := time.Now()
			_, err := r.LoginUser(ck.CKU_USER, name, []byte("wrong"))
			expect(t, name, err, ck.CKR_PIN_INCORRECT)
			best[name] = min(best[name], time.Since(start))
		}
	}
	// Without the work it would be a hundred times.
	if best["nobody"] < best["alice"]/3 || best["nobody"] > best["alice"]*3 {
		t.Errorf("best times: %v", best)
	}
}

// However many names are tried, no more than a bounded number is kept, and none
// becomes a user's.
func TestManyStrangers(t *testing.T) {
	r, so := newRigWithAlice(t)
	for i := range maxStrangers + 20 {
		of := r.userCalled(fmt.Sprint("nobody ", i))
		err := r.update(func(w *writer) error { return w.putAuth(of, auth{Failures: 1}) })
		if err != nil {
			t.Fatal(err)
		}
	}
	var kept []stranger
	if err := r.store.View(func(tx store.Tx) (err error) { kept, err = r.readStrangers(tx); return err }); err != nil {
		t.Fatal(err)
	}
	last := r.userCalled(fmt.Sprint("nobody ", maxStrangers+19)).meta
	if len(kept) != maxStrangers || kept[len(kept)-1].Of != last {
		t.Errorf("%d are kept, the last is %+v", len(kept), kept[len(kept)-1])
	}
	if err := r.CreateUser(so, fmt.Sprint("nobody ", maxStrangers+19), alicePIN); err != nil {
		t.Fatal(err)
	}
	if u, err := r.Users(so); err != nil || len(u) != 2 || u[1].Failures != 0 {
		t.Errorf("users: %+v, %v", u, err)
	}
}

func TestTooManyUsers(t *testing.T) {
	r := newRig(t)
	so := r.login(ck.CKU_SO, soPIN)
	err := r.update(func(w *writer) error {
		for i := range maxUsers {
			if err := w.putAuth(r.userCalled(fmt.Sprint(i)), auth{Wrap: []byte{1}, Name: fmt.Sprint(i), Born: "00"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "one more", r.CreateUser(so, "alice", alicePIN), ck.CKR_DEVICE_MEMORY)
	if err := r.DeleteUser(so, "17"); err != nil {
		t.Fatal(err)
	}
	if err := r.CreateUser(so, "alice", alicePIN); err != nil {
		t.Error(err)
	}
	if err := r.Initialise(soPIN, "new"); err != nil {
		t.Fatal(err)
	}
	if u, err := r.Users(r.login(ck.CKU_SO, soPIN)); err != nil || len(u) != 0 {
		t.Errorf("initialising left %d users, %v", len(u), err)
	}
}

// A user who is deleted is logged out wherever they are, before their next call; also
// if there is another of the name by then. What is under way goes on to its end.
func TestDeletedUserIsLoggedOut(t *testing.T) {
	for _, reborn := range []bool{false, true} {
		r, so := newRigWithAlice(t)
		p := r.again()
		alice := loginAs(t, p, "alice", alicePIN)
		key, err := p.GenerateKey(alice, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, aesTemplate(true, "k"))
		if err != nil {
			t.Fatal(err)
		}
		op, err := p.Encrypt(alice, &ck.Mechanism{Type: ck.CKM_AES_ECB}, key)
		if err != nil {
			t.Fatal(err)
		}
		defer op.Close()
		if err := r.DeleteUser(so, "alice"); err != nil {
			t.Fatal(err)
		}
		if reborn {
			if err := r.CreateUser(so, "alice", alicePIN); err != nil {
				t.Fatal(err)
			}
		}
		if p.LoggedIn(alice.Identity) || p.Exists(alice, key) {
			t.Errorf("reborn %t: she is still logged in", reborn)
		}
		expect(t, "her next call", second(encrypt(p, alice, key)), ck.CKR_OBJECT_HANDLE_INVALID)
		if p.private != nil {
			t.Error("the key of private objects is still there, and nobody logged in")
		}
		if _, err := op.OneShot(make([]byte, 16), make([]byte, 16)); err != nil {
			t.Errorf("what was under way: %v", err)
		}
	}
}

// The public keys of sessions are nowhere but in memory: they are not hers alone.
func TestPublicSessionKeysStay(t *testing.T) {
	r, so := newRigWithAlice(t)
	p := r.again()
	alice := loginAs(t, p, "alice", alicePIN)
	alice.Session = 1
	key, err := p.GenerateKey(alice, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, append(aesTemplate(false, "k"), ck.Bool(ck.CKA_PRIVATE, false)))
	if err != nil {
		t.Fatal(err)
	}
	before, err := encrypt(p, alice, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.DeleteUser(so, "alice"); err != nil {
		t.Fatal(err)
	}
	nobody := api.Caller{Session: 1}
	if err := p.SetAttributes(nobody, key, ck.Template{ck.String(ck.CKA_LABEL, "new")}); err != nil {
		t.Error(err)
	}
	if after, err := encrypt(p, nobody, key); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the key is another: %v", err)
	}
}

// Another user's login is none of hers.
func TestOthersStayLoggedIn(t *testing.T) {
	r, so := newRigWithAlice(t)
	p := r.again()
	user, alice := loginTo(t, p, ck.CKU_USER, userPIN), loginAs(t, p, "alice", alicePIN)
	id := r.generate(r.login(ck.CKU_USER, userPIN), true, "k")
	if err := r.DeleteUser(so, "alice"); err != nil {
		t.Fatal(err)
	}
	if p.Exists(alice, id) || !p.Exists(user, id) {
		t.Error("the wrong one was logged out")
	}
	if _, err := encrypt(p, user, id); err != nil {
		t.Error(err)
	}
}

// A new PIN, whoever has set it, logs nobody out: neither does C_InitPIN.
func TestNewPINKeepsLogins(t *testing.T) {
	r, so := newRigWithAlice(t)
	alice := loginAs(t, r.Partition, "alice", alicePIN)
	if err := r.SetUserPIN("alice", alicePIN, []byte("second")); err != nil {
		t.Fatal(err)
	}
	if err := r.InitUserPIN(so, "alice", []byte("third-pin")); err != nil {
		t.Fatal(err)
	}
	if !r.LoggedIn(alice.Identity) {
		t.Error("logged out")
	}
	expect(t, "the user's PIN", r.SetUserPIN("alice", userPIN, alicePIN), ck.CKR_PIN_INCORRECT)
	loginAs(t, r.Partition, "alice", []byte("third-pin"))
}

// A key that asks for the PIN each time asks for that of who is logged in.
func TestContextLoginOfNamedUser(t *testing.T) {
	r, _ := newRigWithAlice(t)
	alice := loginAs(t, r.Partition, "alice", alicePIN)
	_, key, err := r.GenerateKeyPair(alice, &ck.Mechanism{Type: ck.CKM_EC_EDWARDS_KEY_PAIR_GEN},
		ck.Template{ck.Bytes(ck.CKA_EC_PARAMS, []byte{6, 3, 0x2b, 0x65, 0x70})},
		ck.Template{ck.Bool(ck.CKA_SIGN, true), ck.Bool(ck.CKA_PRIVATE, true), ck.Bool(ck.CKA_ALWAYS_AUTHENTICATE, true)})
	if err != nil {
		t.Fatal(err)
	}
	op, err := r.Sign(alice, &ck.Mechanism{Type: ck.CKM_EDDSA}, key)
	if err != nil {
		t.Fatal(err)
	}
	defer op.Close()
	login := op.(api.ContextLogin)
	expect(t, "the user's PIN", login.Authenticate(userPIN), ck.CKR_PIN_INCORRECT)
	if err := login.Authenticate(alicePIN); err != nil {
		t.Fatal(err)
	}
	if _, err := op.OneShot(make([]byte, 64), []byte("m")); err != nil {
		t.Error(err)
	}
}
