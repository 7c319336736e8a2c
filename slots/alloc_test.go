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
	made   int
}

type idleCipher struct{ api.Cipher }

func (c *idleCipher) OneShot(dst, src []byte) (int, error) { return copy(dst, src), nil }
func (c *idleCipher) Close()                               {}

func (m *idle) Slots() []api.Slot { return []api.Slot{{ID: 0, Partition: m}} }
func (m *idle) Encrypt(api.Caller, *ck.Mechanism, api.ObjectID) (api.Cipher, error) {
	return m.cipher, nil
}
func (m *idle) CreateObject(api.Caller, ck.Template) (api.ObjectID, error) {
	m.made++
	return api.ObjectID{byte(m.made), byte(m.made >> 8), byte(m.made >> 16)}, nil
}
func (m *idle) DestroyObject(api.Caller, api.ObjectID) error { return nil }

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

func BenchmarkOpenClose(b *testing.B) {
	a, _, _ := newIdle(b)
	b.ReportAllocs()
	for b.Loop() {
		h, err := a.OpenSession(0, ck.CKF_SERIAL_SESSION|ck.CKF_RW_SESSION)
		if err != nil {
			b.Fatal(err)
		}
		if err := a.CloseSession(h); err != nil {
			b.Fatal(err)
		}
	}
}

// A session that makes and destroys keys for ever takes no more memory for it,
// nor does the table of handles; keys that stay are not lost to that.
func TestMadeAndDestroyed(t *testing.T) {
	a, h, _ := newIdle(t)
	s, err := a.session(h)
	if err != nil {
		t.Fatal(err)
	}
	const all, kept = 10000, 100
	for i := range all {
		o, err := a.CreateObject(h, nil)
		if err != nil {
			t.Fatal(err)
		}
		if i%(all/kept) == 0 {
			continue
		}
		if err := a.DestroyObject(h, o); err != nil {
			t.Fatal(err)
		}
	}
	if n := cap(s.made); n > 4*kept {
		t.Errorf("the session remembers up to %d objects of %d", n, kept)
	}
	n := 0
	for i := range a.objects {
		n += int(a.objects[i].used)
	}
	if n > 2*kept {
		t.Errorf("%d rows for %d handles", n, kept)
	}
	left := 0
	for _, h := range s.made {
		if _, ok := a.object(s.token, h); ok {
			left++
		}
	}
	if left != kept+1 || len(a.handles(s.token)) != kept+1 {
		t.Errorf("%d objects are left, want %d", left, kept+1)
	}
}
