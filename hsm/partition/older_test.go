package partition

import (
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition/oldertest"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// keptStore is one of the stores of oldertest.
func keptStore(t *testing.T, name string) store.Store {
	t.Helper()
	st := store.NewMemory()
	if err := oldertest.Restore(st, name); err != nil {
		t.Fatal(err)
	}
	return st
}

func openOlder(t *testing.T, o Options) *Partition {
	t.Helper()
	o.KDF = cheap
	p, err := Open(keptStore(t, oldertest.BeforePINPolicy), testRoot(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What an older version wrote opens, and its PINs follow the process's rules without
// any delay.
func TestOlderPartition(t *testing.T) {
	p := openOlder(t, Options{MinPIN: 6, Tries: 5, Delay: time.Minute, DelayAfter: 1})
	info := p.Info()
	if want := (api.PINPolicy{MinLength: 6, MaxLength: 255, Tries: 5}); info.PIN != want || info.MinPIN != 6 {
		t.Errorf("the policy is %+v, want %+v", info.PIN, want)
	}
	if info.Flags&ck.CKF_USER_PIN_COUNT_LOW == 0 {
		t.Error("its failures are forgotten")
	}
	for range 3 {
		_, err := p.Login(ck.CKU_USER, []byte("wrong"))
		expect(t, "wrong PIN", err, ck.CKR_PIN_INCORRECT)
	}
	_, err := p.Login(ck.CKU_USER, userPIN)
	expect(t, "after five in all", err, ck.CKR_PIN_LOCKED)
}

// It takes a policy and users from then on.
func TestOlderPartitionMovesOn(t *testing.T) {
	p := openOlder(t, Options{})
	user := loginTo(t, p, ck.CKU_USER, userPIN)
	if found, err := p.Find(user, ck.Template{ck.String(ck.CKA_LABEL, "old key")}); err != nil || len(found) != 1 {
		t.Fatalf("its key: %d, %v", len(found), err)
	}
	so := loginTo(t, p, ck.CKU_SO, soPIN)
	policy := api.PINPolicy{MinLength: 8, MaxLength: 64, Tries: 4, DelayAfter: 2, Delay: time.Second}
	if err := p.SetPINPolicy(so, policy); err != nil {
		t.Fatal(err)
	}
	expect(t, "a PIN that is too short now", p.CreateUser(so, "alice", []byte("1234567")), ck.CKR_PIN_LEN_RANGE)
	if err := p.CreateUser(so, "alice", []byte("12345678")); err != nil {
		t.Fatal(err)
	}
	p, err := Open(p.store, testRoot(t), Options{KDF: cheap})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Info().PIN; got != policy {
		t.Errorf("opened again it has %+v", got)
	}
	if _, err := p.LoginUser(ck.CKU_USER, "alice", []byte("12345678")); err != nil {
		t.Error(err)
	}
}
