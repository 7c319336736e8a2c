package slots

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// idle is a partition with one operation that does nothing and is made of
// nothing, so that what is measured is slots alone.
type idle struct {
	api.Partition
	api.Module
	cipher *idleCipher
}

type idleCipher struct{ api.Cipher }

func (c *idleCipher) OneShot(dst, src []byte) (int, error) { return copy(dst, src), nil }
func (c *idleCipher) Close()                               {}

func (m *idle) Slots() []api.Slot { return []api.Slot{{ID: 0, Partition: m}} }
func (m *idle) Encrypt(api.Caller, *ck.Mechanism, api.ObjectID) (api.Cipher, error) {
	return m.cipher, nil
}
func (m *idle) CreateObject(api.Caller, ck.Template) (api.ObjectID, error) {
	return api.ObjectID{1}, nil
}

func newIdle(t testing.TB) (*App, ck.SessionHandle, ck.ObjectHandle) {
	a := New(&idle{cipher: new(idleCipher)})
	h, err := a.OpenSession(0, ck.CKF_SERIAL_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	key, err := a.CreateObject(h, nil)
	if err != nil {
		t.Fatal(err)
	}
	return a, h, key
}

func encryptOnce(t testing.TB, a *App, h ck.SessionHandle, m *ck.Mechanism, key ck.ObjectHandle, src, dst []byte) {
	if err := a.EncryptInit(h, m, key); err != nil {
		t.Fatal(err)
	}
	if n, err := a.Encrypt(h, src, dst); n != len(src) || err != nil {
		t.Fatal(n, err)
	}
}

func TestEncryptAllocatesNothing(t *testing.T) {
	a, h, key := newIdle(t)
	m := &ck.Mechanism{Type: ck.CKM_AES_GCM}
	src, dst := make([]byte, 16), make([]byte, 32)
	if n := testing.AllocsPerRun(1000, func() { encryptOnce(t, a, h, m, key, src, dst) }); n != 0 {
		t.Errorf("EncryptInit and Encrypt allocate %v times", n)
	}
}

func BenchmarkEncrypt(b *testing.B) {
	a, h, key := newIdle(b)
	m := &ck.Mechanism{Type: ck.CKM_AES_GCM}
	src, dst := make([]byte, 16), make([]byte, 32)
	for b.Loop() {
		encryptOnce(b, a, h, m, key, src, dst)
	}
}
