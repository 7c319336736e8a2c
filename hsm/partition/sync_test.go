package partition

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// TestStoreErrors: a store that is full is told apart from one that is broken, and
// either leaves what there was.
func TestStoreErrors(t *testing.T) {
	for _, c := range []struct {
		cause error
		want  ck.RV
	}{
		{&os.PathError{Op: "write", Path: "store.db", Err: syscall.ENOSPC}, ck.CKR_DEVICE_MEMORY},
		{&store.FileError{Path: "store.db", Err: syscall.EDQUOT}, ck.CKR_DEVICE_MEMORY},
		{&store.FileError{Path: "store.db", Err: syscall.EFBIG}, ck.CKR_DEVICE_MEMORY},
		{store.ErrTooLarge, ck.CKR_DEVICE_MEMORY},
		{&store.FileError{Path: "store.db", Kind: store.ErrDamaged}, ck.CKR_DEVICE_ERROR},
		{errors.New("anything else"), ck.CKR_DEVICE_ERROR},
	} {
		r := newRig(t)
		user := r.login(ck.CKU_USER, userPIN)
		r.Partition.store = store.Faulty(r.store, 1, c.cause)
		_, err := r.GenerateKey(user, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, aesTemplate(true, "k"))
		expect(t, c.cause.Error(), err, c.want)
		if found, err := r.Find(user, secretKeys); err != nil || len(found) != 0 {
			t.Errorf("%v left %d objects, %v", c.cause, len(found), err)
		}
	}
}
