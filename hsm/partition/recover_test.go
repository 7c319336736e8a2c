package partition

import (
	"slices"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

// TestRecoverSO: a user's PIN gives the SO a new one, also after a lockout; the old one
// stops working, and all else stays.
func TestRecoverSO(t *testing.T) {
	r, _ := newRigWithAlice(t)
	user := r.login(ck.CKU_USER, userPIN)
	id, err := r.GenerateKey(user, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, aesTemplate(true, "kept"))
	if err != nil {
		t.Fatal(err)
	}
	newPIN := []byte("new so")
	expect(t, "a wrong user PIN", r.RecoverSO("", []byte("wrong"), newPIN), ck.CKR_PIN_INCORRECT)
	expect(t, "the SO PIN as a user's", r.RecoverSO("", soPIN, newPIN), ck.CKR_PIN_INCORRECT)
	expect(t, "a user who is not there", r.RecoverSO("nobody", userPIN, newPIN), ck.CKR_PIN_INCORRECT)
	expect(t, "a PIN that is too short", r.RecoverSO("", userPIN, []byte("1")), ck.CKR_PIN_LEN_RANGE)
	expect(t, "the SO PIN still", r.again().CheckSO(soPIN), ck.CKR_OK)
	for range 10 {
		r.CheckSO([]byte("wrong"))
	}
	expect(t, "the SO PIN, locked", r.CheckSO(soPIN), ck.CKR_PIN_LOCKED)
	expect(t, "recovery", r.RecoverSO("", userPIN, newPIN), ck.CKR_OK)
	other := r.again()
	expect(t, "the old SO PIN", other.CheckSO(soPIN), ck.CKR_PIN_INCORRECT)
	expect(t, "the new SO PIN", other.CheckSO(newPIN), ck.CKR_OK)
	if _, err := other.LoginUser(ck.CKU_USER, "alice", alicePIN); err != nil {
		t.Errorf("alice: %v", err)
	}
	if mine := loginTo(t, other, ck.CKU_USER, userPIN); !other.Exists(mine, id) {
		t.Error("the key is gone")
	}
	expect(t, "by a user with a name", r.RecoverSO("alice", alicePIN, soPIN), ck.CKR_OK)
	// The SO whose PIN this is does what an SO does: the key in the wrap is the right one.
	expect(t, "a new user PIN", r.InitPIN(r.login(ck.CKU_SO, soPIN), []byte("given")), ck.CKR_OK)
	last := r.again()
	if mine := loginTo(t, last, ck.CKU_USER, []byte("given")); !last.Exists(mine, id) {
		t.Error("the key is gone after a new user PIN")
	}
}

// TestRecoverLocked: a user's PIN that is locked gives nothing.
func TestRecoverLocked(t *testing.T) {
	r := newRig(t)
	for range 10 {
		expect(t, "a wrong PIN", r.RecoverSO("", []byte("wrong"), []byte("new so")), ck.CKR_PIN_INCORRECT)
	}
	expect(t, "the right PIN, locked", r.RecoverSO("", userPIN, []byte("new so")), ck.CKR_PIN_LOCKED)
	expect(t, "the SO PIN", r.CheckSO(soPIN), ck.CKR_OK)
}

// TestStrangersHaveNeighbours: a name that nobody has costs what a user's does, under
// the parameters that this user's PIN was set with.
func TestStrangersHaveNeighbours(t *testing.T) {
	r, so := newRigWithAlice(t)
	for tag := r.userCalled("alice").meta; tag < metaUser+":2" || tag > metaUser+":e"; tag = r.userCalled("alice").meta {
		r, so = newRigWithAlice(t) // or else hardly any stranger is on one side of her
	}
	wraps := map[string]string{}
	for name := range map[string]bool{"": true, "alice": true} {
		wraps[string(r.authOf(t, name).Wrap)] = name
	}
	count := map[string]int{}
	for i := range 200 {
		of := r.userCalled(label(i))
		wrap := string(r.neighbour(of))
		name, known := wraps[wrap]
		if !known || wrap != string(r.neighbour(of)) {
			t.Fatalf("stranger %d is like nobody, or not always like the same", i)
		}
		count[name]++
	}
	if count[""] == 0 || count["alice"] == 0 {
		t.Errorf("strangers are like %v", count)
	}
	// Whatever the process would set PINs under.
	r.Partition.options.KDF = seal.KDF{Time: 4, Memory: 256 << 10, Threads: 1}
	start := computing(t)
	_, err := r.LoginUser(ck.CKU_USER, "nobody", []byte("wrong"))
	expect(t, "nobody", err, ck.CKR_PIN_INCORRECT)
	if spent := computing(t) - start; spent > 300*time.Millisecond && !underRace {
		t.Errorf("a stranger costs %v, a user next to nothing", spent)
	}
	expect(t, "an SO with a name", second(r.LoginUser(ck.CKU_SO, "nobody", []byte("wrong"))), ck.CKR_PIN_INCORRECT)
	expect(t, "the end of alice", r.DeleteUser(so, "alice"), ck.CKR_OK)
	if string(r.neighbour(r.userCalled("bob"))) != string(r.authOf(t, "").Wrap) {
		t.Error("without users with names a stranger is not like the one without")
	}
}

// authOf is a user's record as last loaded.
func (r *rig) authOf(t *testing.T, name string) auth {
	t.Helper()
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.authSeen(r.userCalled(name).meta)
}

// TestRecoverRecorded: a recovery is an act of its own, of the user whose PIN it took,
// and is told from a change of a PIN; one that failed is a try of that user's PIN.
func TestRecoverRecorded(t *testing.T) {
	l := newLogged(t, false)
	so := l.login(ck.CKU_SO, soPIN)
	l.do("InitPIN", l.InitPIN(so, userPIN))
	l.do("CreateUser", l.CreateUser(so, "alice", alicePIN))
	before := len(l.records())
	expect(t, "a wrong PIN", l.RecoverSO("", []byte("wrong"), []byte("new so")), ck.CKR_PIN_INCORRECT)
	l.do("RecoverSO", l.RecoverSO("alice", alicePIN, []byte("new so")))
	l.do("SetPIN", l.SetPIN(ck.CKU_SO, []byte("new so"), soPIN))
	want := []string{
		"user pin.check CKR_PIN_INCORRECT",
		"alice pin.check CKR_OK", "alice pin.recover CKR_OK",
		"so pin.check CKR_OK", "so pin.change CKR_OK",
	}
	var got []string
	for _, r := range l.records()[before:] {
		got = append(got, r.Who+" "+string(r.Act)+" "+r.Result)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the log tells of %q, want %q", got, want)
	}
	l.holdsNone(alicePIN, []byte("new so"))
}
