package slots_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// removed is a token that other processes remove, which this one notices when it asks
// for the slots.
type removed struct {
	*slots.App
	t     *testing.T
	other *hsm.Module
	key   ck.Template
}

func newRemoved(t *testing.T) *removed {
	home := t.TempDir()
	r := &removed{App: newWorldOn(t, moduleAt(t, home)), t: t, other: moduleAt(t, home).(*hsm.Module)}
	t.Cleanup(func() { _ = r.other.Close() })
	r.key = readable(ck.CKK_AES, append(on(ck.CKA_ENCRYPT, ck.CKA_DECRYPT, ck.CKA_SIGN), ck.Bytes(ck.CKA_VALUE, bytes.Repeat([]byte{7}, 16)))...)
	return r
}

func (r *removed) remove() {
	if err := r.other.Delete(1, nil); err != nil {
		r.t.Error(err)
	}
	if _, err := r.GetSlotList(true, nil); err != nil {
		r.t.Error(err)
	}
}

// begun is what operations of one mechanism do, up to their Init and after it.
type begun struct {
	init func(h ck.SessionHandle, key ck.ObjectHandle) error
	end  func(h ck.SessionHandle) ([]byte, error)
}

// begun lists them.
func (r *removed) begun() map[string]begun {
	text := bytes.Repeat([]byte("text"), 64)
	encrypting := func(m ck.MechanismType, param any) begun {
		return begun{
			func(h ck.SessionHandle, key ck.ObjectHandle) error {
				return r.EncryptInit(h, &ck.Mechanism{Type: m, Param: param}, key)
			},
			func(h ck.SessionHandle) ([]byte, error) {
				out := make([]byte, len(text)+16)
				n, err := r.Encrypt(h, text, out)
				return out[:n], err
			},
		}
	}
	return map[string]begun{
		"ECB": encrypting(ck.CKM_AES_ECB, nil),
		"CBC": encrypting(ck.CKM_AES_CBC, &ck.BytesParam{Bytes: make([]byte, 16)}),
		"CTR": encrypting(ck.CKM_AES_CTR, &ck.CTRParams{Bits: 128}),
		"GCM": encrypting(ck.CKM_AES_GCM, &ck.GCMParams{IV: make([]byte, 12), TagBits: 128}),
		"CBC, back": {
			func(h ck.SessionHandle, key ck.ObjectHandle) error {
				return r.DecryptInit(h, &ck.Mechanism{Type: ck.CKM_AES_CBC, Param: &ck.BytesParam{Bytes: make([]byte, 16)}}, key)
			},
			func(h ck.SessionHandle) ([]byte, error) {
				out := make([]byte, len(text))
				n, err := r.Decrypt(h, text, out)
				return out[:n], err
			},
		},
		"CMAC": {
			func(h ck.SessionHandle, key ck.ObjectHandle) error {
				return r.SignInit(h, &ck.Mechanism{Type: ck.CKM_AES_CMAC}, key)
			},
			func(h ck.SessionHandle) ([]byte, error) {
				out := make([]byte, 16)
				n, err := r.Sign(h, text, out)
				return out[:n], err
			},
		},
	}
}

// An operation that is under way when its token is removed ends with the key that it
// began with, or with an error: what comes of a key that was wiped meanwhile gives the
// plaintext away.
func TestRemovedUnderWay(t *testing.T) {
	for name := range new(removed).begun() {
		t.Run(name, func(t *testing.T) {
			r := newRemoved(t)
			op, h := r.begun()[name], open(t, r.App, "rw")
			key, err := r.CreateObject(h, r.key)
			if err != nil {
				t.Fatal(err)
			}
			tell := func(meanwhile func()) ([]byte, error) {
				if err := op.init(h, key); err != nil {
					t.Fatal(err)
				}
				meanwhile()
				return op.end(h)
			}
			right, err := tell(func() {})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := tell(r.remove); err == nil && !bytes.Equal(got, right) {
				t.Errorf("it came to %x", got)
			}
			if err := op.init(h, key); err == nil {
				t.Error("an operation begins on a token that is gone")
			}
		})
	}
}

// The same with threads that never stop to encrypt.
func TestRemovedBusy(t *testing.T) {
	r := newRemoved(t)
	op := r.begun()["GCM"]
	var busy, all sync.WaitGroup
	for range 4 {
		h := open(t, r.App, "rw")
		key, err := r.CreateObject(h, r.key)
		if err != nil {
			t.Fatal(err)
		}
		if err := op.init(h, key); err != nil {
			t.Fatal(err)
		}
		right, err := op.end(h)
		if err != nil {
			t.Fatal(err)
		}
		busy.Add(1)
		all.Go(func() {
			for n := 0; op.init(h, key) == nil; n++ {
				if got, err := op.end(h); err == nil && !bytes.Equal(got, right) {
					t.Errorf("message %d is %x", n, got)
				}
				if n == 100 {
					busy.Done()
				}
			}
		})
	}
	busy.Wait()
	r.remove()
	all.Wait()
}
