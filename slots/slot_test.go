package slots_test

import (
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// The list of slots changes when the application asks how many there are, so
// that the second of the two calls has room for what the first one counted.
func TestNewTokensAppear(t *testing.T) {
	w := newTestWorld(t)
	m := w.module.(*twin)
	h := open(t, w.app, "ro")
	m.partitions = append(m.partitions, newTwinPartition("from elsewhere", []byte("sopin")))

	ids := make([]ck.SlotID, 8)
	if n, err := w.app.GetSlotList(true, ids); err != nil || !slices.Equal(ids[:n], []ck.SlotID{1, 2}) {
		t.Errorf("before the count: %v, %v", ids[:n], err)
	}
	want(t, "OpenSession", "on a token not yet seen", drop(w.app.OpenSession(2, openFlags["ro"])), ck.CKR_TOKEN_NOT_RECOGNIZED)
	if n, err := w.app.GetSlotList(true, nil); n != 3 || err != nil {
		t.Errorf("the count is %d, %v", n, err)
	}
	if n, err := w.app.GetSlotList(false, ids); err != nil || !slices.Equal(ids[:n], []ck.SlotID{1, 2, 3}) {
		t.Errorf("after the count: %v, %v", ids[:n], err)
	}
	if info, err := w.app.GetTokenInfo(2); err != nil || info.Label != "from elsewhere" {
		t.Errorf("the new token is %q, %v", info.Label, err)
	}
	if _, err := w.app.GetSessionInfo(h); err != nil {
		t.Error("a session was lost over it:", err)
	}
}

// A token that is made anew elsewhere is another token: sessions with the old
// one do not count for it.
func TestReplacedToken(t *testing.T) {
	w := newTestWorld(t)
	h := open(t, w.app, "rw")
	if err := w.app.Login(h, ck.CKU_USER, []byte("userpin")); err != nil {
		t.Fatal(err)
	}
	w.module.(*twin).partitions[0] = newTwinPartition("new", []byte("sopin"))
	if _, err := w.app.GetSlotList(true, nil); err != nil {
		t.Fatal(err)
	}
	fresh := open(t, w.app, "rw")
	info, err := w.app.GetSessionInfo(fresh)
	if err != nil || info.State != ck.CKS_RW_PUBLIC_SESSION {
		t.Errorf("a session with the new token is in %v, %v", info.State, err)
	}
	if err := w.app.CloseAllSessions(1); err != nil {
		t.Fatal(err)
	}
	for _, h := range []ck.SessionHandle{h, fresh} {
		want(t, "CloseSession", "after all were closed", w.app.CloseSession(h), ck.CKR_SESSION_HANDLE_INVALID)
	}
}

func TestListsAndTheirLengths(t *testing.T) {
	w := newTestWorld(t)
	mechanisms := func(dst []ck.MechanismType) (int, error) { return w.app.GetMechanismList(2, dst) }
	slotList := func(dst []ck.SlotID) (int, error) { return w.app.GetSlotList(true, dst) }
	checkList(t, "GetMechanismList", mechanisms, len(twinMechanisms))
	checkList(t, "GetSlotList", slotList, 2)
}

func checkList[T any](t *testing.T, name string, list func([]T) (int, error), length int) {
	t.Helper()
	for _, test := range []struct {
		dst  []T
		code ck.RV
	}{
		{nil, ck.CKR_OK},
		{[]T{}, ck.CKR_BUFFER_TOO_SMALL},
		{make([]T, length-1), ck.CKR_BUFFER_TOO_SMALL},
		{make([]T, length), ck.CKR_OK},
		{make([]T, length+5), ck.CKR_OK},
	} {
		n, err := list(test.dst)
		if n != length || ck.Code(err) != test.code {
			t.Errorf("%s of %d: %d, %v, want %d, %v", name, len(test.dst), n, err, length, test.code)
		}
	}
}

func TestSlotAndMechanismInfo(t *testing.T) {
	w := newTestWorld(t)
	for _, slot := range []ck.SlotID{1, 2} { // the blank one has a token, too
		info, err := w.app.GetSlotInfo(slot)
		if err != nil || info.Flags != ck.CKF_TOKEN_PRESENT || len(info.Description) > 64 || len(info.Manufacturer) > 32 {
			t.Errorf("slot %d is %+v, %v", slot, info, err)
		}
	}
	info, err := w.app.GetMechanismInfo(1, ck.CKM_AES_ECB)
	if err != nil || info.Min != 16 || info.Max != 32 {
		t.Errorf("AES is %+v, %v", info, err)
	}
	want(t, "GetMechanismInfo", "of nothing", drop(w.app.GetMechanismInfo(1, ck.CKM_VENDOR_DEFINED)), ck.CKR_MECHANISM_INVALID)
	if _, ok := w.app.Mechanism(ck.CKM_VENDOR_DEFINED); ok {
		t.Error("there is a mechanism that there is not")
	}
}

func TestTokenInfoSaysWhatItCannotTell(t *testing.T) {
	info, err := newTestWorld(t).app.GetTokenInfo(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint64{info.TotalPublic, info.FreePublic, info.TotalPrivate, info.FreePrivate} {
		if n != ck.Unavailable {
			t.Errorf("memory is %d", n)
		}
	}
	if info.MaxSessions != 0 || info.MaxRWSessions != 0 {
		t.Errorf("at most %d sessions, %d read-write; 0 is no limit", info.MaxSessions, info.MaxRWSessions)
	}
	if info.Manufacturer != "Coffer" || len(info.Serial) != 16 || len(info.Model) > 16 {
		t.Errorf("%+v", info)
	}
}

// failing is a module whose store cannot be read.
type failing struct{ *twin }

func (failing) Refresh() error { return ck.CKR_DEVICE_ERROR }

func TestRefreshFails(t *testing.T) {
	var m api.Module = failing{new(twin)}
	want(t, "GetSlotList", "of a broken module", drop(slots.New(m).GetSlotList(true, nil)), ck.CKR_DEVICE_ERROR)
}

// A token that another process initialises anew has logged its users out: they can
// see that, and log in again.
func TestTokenInitialisedElsewhere(t *testing.T) {
	home := t.TempDir()
	here, there := moduleAt(t, home), moduleAt(t, home)
	if err := here.InitToken(1, []byte("sopin"), "one"); err != nil {
		t.Fatal(err)
	}
	app, other := slots.New(here), slots.New(there)
	defer app.Finalize()
	defer other.Finalize()
	h := open(t, app, "rw")
	if err := app.Login(h, ck.CKU_SO, []byte("sopin")); err != nil {
		t.Fatal(err)
	}
	if err := other.InitToken(1, []byte("sopin"), "two"); err != nil {
		t.Fatal(err)
	}
	if info, err := app.GetSessionInfo(h); err != nil || info.State != ck.CKS_RW_PUBLIC_SESSION {
		t.Errorf("the session is in %v, %v", info.State, err)
	}
	want(t, "Logout", "of a login that has ended", app.Logout(h), ck.CKR_USER_NOT_LOGGED_IN)
	if err := app.Login(h, ck.CKU_SO, []byte("sopin")); err != nil {
		t.Errorf("login to the new token: %v", err)
	}
}
