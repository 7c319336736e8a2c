package partition

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// logged is a partition on disk with an audit log.
type logged struct {
	*rig
	dir string
	o   Options
}

func newLogged(t *testing.T, uses bool) *logged {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l := &logged{dir: dir, o: Options{KDF: cheap, Delay: -1, Uses: uses, Audit: filepath.Join(dir, "audit")}}
	st, err := store.CreateFile(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.rig = &rig{t: t, store: st, root: testRoot(t)}
	if err := Create(st, l.root, l.o, "test", soPIN, nil); err != nil {
		t.Fatal(err)
	}
	if err := l.open(); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *logged) open() (err error) {
	l.Partition, err = Open(l.store, l.root, l.o)
	return err
}

// acts verifies the log and lists what was done.
func (l *logged) acts() (acts []audit.Act) {
	l.t.Helper()
	for _, r := range l.records() {
		acts = append(acts, r.Act)
	}
	return acts
}

// records verifies the log and lists what it tells.
func (l *logged) records() (list []audit.Record) {
	l.t.Helper()
	v := l.recorder.(*audit.Log).Verifier()
	if _, err := audit.Verify(l.o.Audit, v); err != nil {
		l.t.Fatal(err)
	}
	for r, err := range audit.Read(l.o.Audit, 0) {
		if err != nil {
			l.t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

func (l *logged) do(what string, err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatalf("%s: %v", what, err)
	}
}

// TestRecorded: each act is in the log, in order, and nothing else; and no PIN, label
// or key is in any of its files, nor in what the store remembers of it.
func TestRecorded(t *testing.T) {
	l := newLogged(t, true)
	value := bytes.Repeat([]byte("0123456789abcdef"), 2)
	so := l.login(ck.CKU_SO, soPIN)
	l.do("InitPIN", l.InitPIN(so, userPIN))
	l.do("CreateUser", l.CreateUser(so, "alice", []byte("alice's own PIN")))
	l.do("Logout", l.Logout(so.Identity))
	if _, err := l.LoginUser(ck.CKU_USER, "mistyped-PIN-as-a-name", userPIN); err == nil {
		t.Fatal("a name that nobody has")
	}
	user := l.login(ck.CKU_USER, userPIN)
	key := l.generate(user, true, "label-of-a-key")
	l.generate(user, false, "of the session")
	_, err := l.CreateObject(user, ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.Bool(ck.CKA_TOKEN, true),
		ck.String(ck.CKA_LABEL, "label-of-another"), ck.Bytes(ck.CKA_VALUE, value),
	})
	l.do("CreateObject", err)
	l.do("SetAttributes", l.SetAttributes(user, key, ck.Template{ck.String(ck.CKA_LABEL, "label-that-is-new")}))
	l.do("SetAttributes", l.SetAttributes(user, key, ck.Template{ck.Bool(ck.CKA_COPYABLE, false), ck.Bool(ck.CKA_WRAP_WITH_TRUSTED, true)}))
	op, err := l.Encrypt(user, &ck.Mechanism{Type: ck.CKM_AES_ECB}, key)
	l.do("Encrypt", err)
	op.Close()
	l.do("DestroyObject", l.DestroyObject(user, key))
	l.do("Logout", l.Logout(user.Identity))
	var held []string
	want := []audit.Act{
		audit.TokenInit, audit.Login, audit.PINSet, audit.UserCreate, audit.Logout, audit.Login, audit.Login,
		audit.Generate, audit.Create, audit.Modify, audit.Modify, audit.Destroy, audit.UseBegin, audit.Encrypt, audit.Logout,
	}
	if got := l.acts(); !slices.Equal(got, want) {
		t.Errorf("the log tells of %v, want %v", got, want)
	}
	for _, r := range l.records() {
		if r.Act == audit.Modify {
			held = append(held, r.Detail)
		}
	}
	if want := []string{"", "CKA_COPYABLE=false, CKA_WRAP_WITH_TRUSTED=true"}; !slices.Equal(held, want) {
		t.Errorf("the log tells that %q was changed for good, want %q", held, want)
	}
	l.do("Close", l.recorder.Close())
	l.holdsNone(soPIN, userPIN, value, []byte("label-"), []byte("of the session"), []byte("alice's own PIN"), []byte("mistyped"))
}

// holdsNone demands that none of these is in the log's files, or the store's memory.
func (l *logged) holdsNone(secrets ...[]byte) {
	l.t.Helper()
	a, err := l.anchorSeen()
	l.do("anchor", err)
	all := []byte(a.Tail)
	entries, err := os.ReadDir(l.o.Audit)
	l.do("ReadDir", err)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(l.o.Audit, e.Name()))
		l.do("ReadFile", err)
		all = append(all, b...)
	}
	for _, s := range secrets {
		if bytes.Contains(all, s) {
			l.t.Errorf("%q is in the audit log", s)
		}
	}
}

// TestOlderStore: failures of a PIN are not undone by an older copy of the store. It is
// refused by name until the SO accepts it, and that is recorded.
func TestOlderStore(t *testing.T) {
	l := newLogged(t, false)
	older, err := os.ReadFile(filepath.Join(l.dir, "store.db"))
	l.do("copy", err)
	if _, err := l.Login(ck.CKU_SO, []byte("wrong PIN")); ck.Code(err) != ck.CKR_PIN_INCORRECT {
		t.Fatal(err)
	}
	l.do("put back", os.WriteFile(filepath.Join(l.dir, "store.db"), older, 0o600))
	if err := l.open(); !errors.Is(err, audit.ErrStoreOlder) || ck.Code(err) != ck.CKR_DEVICE_ERROR {
		t.Fatalf("an older store: %v", err)
	}
	again := func() (store.Store, error) { return store.OpenFile(l.dir, store.Options{}) } // AcceptAudit closes it
	st, err := again()
	l.do("OpenFile", err)
	if _, err := AcceptAudit(st, l.root, l.o, []byte("wrong PIN")); ck.Code(err) != ck.CKR_PIN_INCORRECT {
		t.Fatalf("accepted with a wrong PIN: %v", err)
	}
	st, err = again()
	l.do("OpenFile", err)
	a, err := AcceptAudit(st, l.root, l.o, soPIN)
	l.do("AcceptAudit", err)
	if !errors.Is(a.Why, audit.ErrStoreOlder) || a.Aside != "" {
		t.Errorf("accepted: %v", a)
	}
	l.do("Open", l.open())
	l.login(ck.CKU_SO, soPIN)
	acts := l.acts()
	if n := len(acts); acts[n-2] != audit.Accept {
		t.Fatalf("the log tells of %v", acts)
	}
	st, err = again()
	l.do("OpenFile", err)
	_, err = AcceptAudit(st, l.root, l.o, soPIN)
	expect(t, "to accept what is sound", err, ck.CKR_FUNCTION_REJECTED)
}

// TestAuditWithoutRoom: an act whose record cannot be written has not happened.
func TestAuditWithoutRoom(t *testing.T) {
	l := newLogged(t, false)
	so := l.login(ck.CKU_SO, soPIN)
	l.do("away", os.Rename(filepath.Join(l.o.Audit, "log"), filepath.Join(l.o.Audit, "away")))
	l.do("in the way", os.Mkdir(filepath.Join(l.o.Audit, "log"), 0o700))
	before, err := l.anchorSeen()
	l.do("anchor", err)
	expect(t, "InitPIN", l.InitPIN(so, userPIN), ck.CKR_DEVICE_ERROR)
	if after, err := l.anchorSeen(); err != nil || after != before {
		t.Fatal("the store was changed")
	}
	if l.Info().Flags&ck.CKF_USER_PIN_INITIALIZED != 0 {
		t.Fatal("the PIN was set")
	}
	l.do("gone", os.Remove(filepath.Join(l.o.Audit, "log")))
	l.do("back", os.Rename(filepath.Join(l.o.Audit, "away"), filepath.Join(l.o.Audit, "log")))
	l.do("InitPIN", l.InitPIN(so, userPIN))
	l.acts()
}

// TestAuditUsesSwitch: the SO alone says whether uses are recorded, for all processes.
func TestAuditUsesSwitch(t *testing.T) {
	l := newLogged(t, false)
	other, err := Open(l.store, l.root, l.o)
	l.do("Open", err)
	expect(t, "by nobody", l.SetAuditUses(api.Caller{}, true), ck.CKR_USER_NOT_LOGGED_IN)
	l.do("by the SO", l.SetAuditUses(l.login(ck.CKU_SO, soPIN), true))
	if !l.AuditUses() || !other.AuditUses() {
		t.Fatal("it is not switched on")
	}
}

// TestAcceptGuesses: to put an older store back again and again gives no more guesses
// at the SO PIN than there are tries: the log counts them.
func TestAcceptGuesses(t *testing.T) {
	l := newLogged(t, false)
	older, err := os.ReadFile(filepath.Join(l.dir, "store.db"))
	l.do("copy", err)
	l.login(ck.CKU_SO, soPIN)
	for try := 0; ; try++ {
		l.do("put back", os.WriteFile(filepath.Join(l.dir, "store.db"), older, 0o600))
		st, err := store.OpenFile(l.dir, store.Options{})
		l.do("OpenFile", err)
		_, err = AcceptAudit(st, l.root, l.o, []byte("a guess"))
		if ck.Code(err) == ck.CKR_PIN_LOCKED && try == l.o.Default().Tries {
			return
		}
		if ck.Code(err) != ck.CKR_PIN_INCORRECT {
			t.Fatalf("guess %d: %v", try, err)
		}
	}
}
