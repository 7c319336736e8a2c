package slots

import (
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// destroyed is an idle module with objects that others destroy.
type destroyed struct {
	finds
	failed error // of the partition, which then answers for no object
}

func (d *destroyed) Slots() []api.Slot { return []api.Slot{{ID: 0, Partition: d}} }

func (d *destroyed) look(id api.ObjectID) error {
	switch {
	case d.failed != nil:
		return d.failed
	case !slices.Contains(d.objects, id):
		return ck.CKR_OBJECT_HANDLE_INVALID
	}
	return nil
}

func (d *destroyed) Exists(_ api.Caller, id api.ObjectID) bool { return d.look(id) == nil }

func (d *destroyed) Attributes(_ api.Caller, id api.ObjectID, _ []api.AttributeResult) error {
	return d.look(id)
}

func (d *destroyed) SetAttributes(_ api.Caller, id api.ObjectID, _ ck.Template) error {
	return d.look(id)
}

func (d *destroyed) ObjectSize(_ api.Caller, id api.ObjectID) (int, error) { return 0, d.look(id) }

func (d *destroyed) DestroyObject(_ api.Caller, id api.ObjectID) error { return d.look(id) }

func (d *destroyed) CopyObject(_ api.Caller, id api.ObjectID, _ ck.Template) (api.ObjectID, error) {
	return id, d.look(id)
}

func (d *destroyed) Encrypt(_ api.Caller, _ *ck.Mechanism, id api.ObjectID) (api.Cipher, error) {
	return d.cipher, d.look(id)
}

func (d *destroyed) WrapKey(_ api.Caller, _ *ck.Mechanism, wrapping, key api.ObjectID, _ []byte) (int, error) {
	if err := d.look(wrapping); err != nil {
		return 0, err
	}
	return 0, d.look(key)
}

func (d *destroyed) UnwrapKey(_ api.Caller, _ *ck.Mechanism, id api.ObjectID, _ []byte, _ ck.Template) (api.ObjectID, error) {
	return id, d.look(id)
}

func (d *destroyed) DeriveKey(_ api.Caller, _ *ck.Mechanism, id api.ObjectID, _ ck.Template) (api.ObjectID, error) {
	return id, d.look(id)
}

func (d *destroyed) DecapsulateKey(_ api.Caller, _ *ck.Mechanism, id api.ObjectID, _ ck.Template, _ []byte) (api.ObjectID, error) {
	return id, d.look(id)
}

func (d *destroyed) EncapsulateKey(_ api.Caller, _ *ck.Mechanism, id api.ObjectID, _ ck.Template, _ []byte) (int, api.ObjectID, error) {
	return 0, id, d.look(id)
}

// usesOfObject are the functions that look for an object, and how they say that there is none.
var usesOfObject = map[string]struct {
	use  func(a *App, h ck.SessionHandle, o ck.ObjectHandle) error
	code ck.RV
}{
	"C_GetAttributeValue": {func(a *App, h ck.SessionHandle, o ck.ObjectHandle) error {
		return a.GetAttributeValue(h, o, nil)
	}, ck.CKR_OBJECT_HANDLE_INVALID},
	"C_SetAttributeValue": {func(a *App, h ck.SessionHandle, o ck.ObjectHandle) error {
		return a.SetAttributeValue(h, o, nil)
	}, ck.CKR_OBJECT_HANDLE_INVALID},
	"C_GetObjectSize": {func(a *App, h ck.SessionHandle, o ck.ObjectHandle) error {
		_, err := a.GetObjectSize(h, o)
		return err
	}, ck.CKR_OBJECT_HANDLE_INVALID},
	"C_DestroyObject": {(*App).DestroyObject, ck.CKR_OBJECT_HANDLE_INVALID},
	"C_CopyObject": {func(a *App, h ck.SessionHandle, o ck.ObjectHandle) error {
		_, err := a.CopyObject(h, o, nil)
		return err
	}, ck.CKR_OBJECT_HANDLE_INVALID},
	"C_EncryptInit": {func(a *App, h ck.SessionHandle, o ck.ObjectHandle) error {
		return a.EncryptInit(h, new(ck.Mechanism), o)
	}, ck.CKR_KEY_HANDLE_INVALID},
	"C_WrapKey, wrapping": {func(a *App, h ck.SessionHandle, o ck.ObjectHandle) error {
		_, err := a.WrapKey(h, new(ck.Mechanism), o, o, nil)
		return err
	}, ck.CKR_WRAPPING_KEY_HANDLE_INVALID},
	"C_UnwrapKey": {func(a *App, h ck.SessionHandle, o ck.ObjectHandle) error {
		_, err := a.UnwrapKey(h, new(ck.Mechanism), o, nil, nil)
		return err
	}, ck.CKR_UNWRAPPING_KEY_HANDLE_INVALID},
	"C_DeriveKey": {func(a *App, h ck.SessionHandle, o ck.ObjectHandle) error {
		_, err := a.DeriveKey(h, new(ck.Mechanism), o, nil)
		return err
	}, ck.CKR_KEY_HANDLE_INVALID},
	"C_DecapsulateKey": {func(a *App, h ck.SessionHandle, o ck.ObjectHandle) error {
		_, err := a.DecapsulateKey(h, new(ck.Mechanism), o, nil, nil)
		return err
	}, ck.CKR_UNWRAPPING_KEY_HANDLE_INVALID},
	"C_EncapsulateKey": {func(a *App, h ck.SessionHandle, o ck.ObjectHandle) error {
		_, _, err := a.EncapsulateKey(h, new(ck.Mechanism), o, nil, make([]byte, 1))
		return err
	}, ck.CKR_KEY_HANDLE_INVALID},
}

// newDestroyed is an application that has found the objects.
func newDestroyed(t *testing.T) (d *destroyed, a *App, h ck.SessionHandle, found []ck.ObjectHandle) {
	t.Helper()
	d = &destroyed{finds: finds{idle: idle{cipher: new(idleCipher)}, objects: []api.ObjectID{{1}, {2}}}}
	a = New(d)
	h, err := a.OpenSession(0, ck.CKF_SERIAL_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	return d, a, h, findAll(t, a, h, 9)
}

func findAll(t *testing.T, a *App, h ck.SessionHandle, most int) []ck.ObjectHandle {
	t.Helper()
	found := make([]ck.ObjectHandle, most)
	if err := a.FindObjectsInit(h, nil); err != nil {
		t.Fatal(err)
	}
	n, err := a.FindObjects(h, found)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.FindObjectsFinal(h); err != nil {
		t.Fatal(err)
	}
	return found[:n]
}

// An object that another process has destroyed gives up its handle where it is found gone,
// by whatever function, and the handle is no other object's then. A partition that fails is
// no object gone.
func TestHandleOfDestroyed(t *testing.T) {
	for name, row := range usesOfObject {
		t.Run(name, func(t *testing.T) {
			d, a, h, found := newDestroyed(t)
			tok := a.places.all()[0].token
			d.failed = ck.CKR_DEVICE_ERROR
			if err := row.use(a, h, found[0]); ck.Code(err) != ck.CKR_DEVICE_ERROR || len(a.handles(tok)) != 2 {
				t.Errorf("%v, %d handles", err, len(a.handles(tok)))
			}
			d.failed, d.objects = nil, d.objects[1:]
			for range 2 {
				if err := row.use(a, h, found[0]); ck.Code(err) != row.code {
					t.Errorf("it answers %v, want %v", err, row.code)
				}
				if left := a.handles(tok); !slices.Equal(left, found[1:]) {
					t.Errorf("handles %v are left, want %v", left, found[1:])
				}
			}
			d.objects = append(d.objects, api.ObjectID{0x11}) // of the same shard
			if next := findAll(t, a, h, 9); len(next) != 2 || next[1] == found[0] {
				t.Errorf("found %v, after %v", next, found)
			}
		})
	}
}

// A program that searches, and uses nothing, while others make and destroy keys keeps handles
// of a few of them; those of keys that are there stay as they are.
func TestHandlesAreSwept(t *testing.T) {
	d, a, h, found := newDestroyed(t)
	tok := a.places.all()[0].token
	for round := range 200 {
		d.objects = d.objects[:2]
		for n := range 100 {
			d.objects = append(d.objects, api.ObjectID{byte(n), byte(round), 1})
		}
		if now := findAll(t, a, h, 200); len(now) != 102 || !slices.Equal(now[:2], found) {
			t.Fatalf("round %d: %d objects, %v first", round, len(now), now[:2])
		}
	}
	if n := len(a.handles(tok)); n > 2*sweepAt*objectShards {
		t.Errorf("%d handles of 20000 keys, of which 102 are there", n)
	}
}
