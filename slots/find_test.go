package slots

import (
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// finds is an idle module with objects that can be searched for.
type finds struct {
	idle
	objects []api.ObjectID
}

func (f *finds) Slots() []api.Slot { return []api.Slot{{ID: 0, Partition: f}} }

func (f *finds) Exists(_ api.Caller, id api.ObjectID) bool { return slices.Contains(f.objects, id) }

func (f *finds) AppendFound(ids []api.ObjectID, _ api.Caller, _ ck.Template) ([]api.ObjectID, error) {
	return append(ids, f.objects...), nil
}

// An object that goes between the search and its result has no handle afterwards: a
// program that searches while others make and destroy keys takes no more and more memory.
func TestFindObjectsGone(t *testing.T) {
	f := &finds{idle: idle{cipher: new(idleCipher)}, objects: []api.ObjectID{{1}, {2}, {3}}}
	a := New(f)
	h, err := a.OpenSession(0, ck.CKF_SERIAL_SESSION)
	if err == nil {
		err = a.FindObjectsInit(h, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.objects = f.objects[:1]
	found := make([]ck.ObjectHandle, 9)
	if n, err := a.FindObjects(h, found); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	tok := a.places.all()[0].token
	for i, h := range found[:3] {
		if _, ok := a.object(tok, h); ok != (i == 0) {
			t.Errorf("the handle of object %d stands for one: %v", i, ok)
		}
	}
	if n := len(a.handles(tok)); n != 1 {
		t.Errorf("%d handles are left, of one object", n)
	}
}
