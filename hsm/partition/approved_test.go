package partition

import (
	"crypto/fips140"
	"errors"
	"fmt"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/store"
	"github.com/coffer-hsm/coffer/hsm/store/storetest"
)

// approvedChild opens the partition in a directory in approved mode, whose PINs are under
// Argon2id, and changes the user's to "approved".
func approvedChild(args []string) error {
	if !fips140.Enabled() {
		return errors.New("not in approved mode")
	}
	p, err := openDir(args[0], Options{KDF: cheap})
	if err != nil {
		return err
	}
	defer p.Close()
	id, err := p.Login(ck.CKU_USER, userPIN)
	if err != nil {
		return err
	}
	if by := p.authSeen(metaUser).Wrap[1]; by != 1 {
		return fmt.Errorf("a login has left a blob of algorithm %d", by)
	}
	if _, err := p.GenerateKey(api.Caller{Identity: id, Session: 1, ReadWrite: true}, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN},
		ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(32)), ck.Bool(ck.CKA_TOKEN, true)}); err != nil {
		return err
	}
	return p.SetPIN(ck.CKU_USER, userPIN, []byte("approved"))
}

// A PIN that was set with Argon2id opens in approved mode, and one that is set there is
// under PBKDF2, whatever is configured; that opens in every mode.
func TestApprovedMode(t *testing.T) {
	dir := t.TempDir() + "/store"
	st, err := store.CreateFile(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := newRigOn(t, st, Options{})
	cmd := storetest.Child("approved", dir)
	cmd.Env, cmd.Stderr = append(cmd.Environ(), "GODEBUG=fips140=on"), nil
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	expect(t, "the old PIN", second(r.Login(ck.CKU_USER, userPIN)), ck.CKR_PIN_INCORRECT)
	id, err := r.Login(ck.CKU_USER, []byte("approved"))
	if err != nil {
		t.Fatal(err)
	}
	if by := r.authOf(t, "").Wrap[1]; by != 2 {
		t.Errorf("the new PIN is under algorithm %d", by)
	}
	found, err := r.Find(api.Caller{Identity: id, Session: 1}, ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY)})
	if err != nil || len(found) != 1 {
		t.Errorf("%d keys, %v", len(found), err)
	}
	if err := r.SetPIN(ck.CKU_USER, []byte("approved"), userPIN); err != nil {
		t.Fatal(err)
	}
	if by := r.authOf(t, "").Wrap[1]; by != 1 {
		t.Errorf("a PIN set in another mode is under algorithm %d", by)
	}
}
