package slots

import (
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// numbered is a module whose objects get the numbers of the shards that the test says.
type numbered struct {
	finds
	next []byte
}

func (m *numbered) Slots() []api.Slot { return []api.Slot{{ID: 0, Partition: m}} }

func (m *numbered) make() api.ObjectID {
	id := api.ObjectID{m.next[0], byte(len(m.next))}
	m.next, m.objects = m.next[1:], append(m.objects, id)
	return id
}

func (m *numbered) CreateObject(api.Caller, ck.Template) (api.ObjectID, error) { return m.make(), nil }

func (m *numbered) GenerateKeyPair(api.Caller, *ck.Mechanism, ck.Template, ck.Template) (pub, priv api.ObjectID, err error) {
	return m.make(), m.make(), nil
}

func (m *numbered) DestroyObject(_ api.Caller, id api.ObjectID) error {
	m.objects = slices.DeleteFunc(m.objects, func(o api.ObjectID) bool { return o == id })
	return nil
}

// A shard that is full answers CKR_HOST_MEMORY, and what finds it so is not left behind
// without a handle. One row that is given up is one for the next object.
func TestFullShard(t *testing.T) {
	const full, free = 3, 2
	m := &numbered{next: []byte{full, full, free, full, full, free, free, full}}
	a := New(m)
	h, err := a.OpenSession(0, ck.CKF_SERIAL_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	first, err := a.CreateObject(h, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.objects[full].used = objectRows
	create := func() (ck.ObjectHandle, error) { return a.CreateObject(h, nil) }
	pair := func() (ck.ObjectHandle, error) {
		pub, priv, err := a.GenerateKeyPair(h, &ck.Mechanism{}, nil, nil)
		return pub | priv, err
	}
	for _, c := range []struct {
		name string
		do   func() (ck.ObjectHandle, error)
		err  error
		left int
	}{
		{"an object", create, ck.CKR_HOST_MEMORY, 1},
		{"a private key", pair, ck.CKR_HOST_MEMORY, 1},
		{"a public key", pair, ck.CKR_HOST_MEMORY, 1},
		{"another shard's", create, nil, 2},
		{"after one is gone", func() (ck.ObjectHandle, error) {
			if err := a.DestroyObject(h, first); err != nil {
				return 0, err
			}
			return create()
		}, nil, 2},
	} {
		o, err := c.do()
		if err != c.err || (o == 0) != (err != nil) {
			t.Errorf("%s: %#x, %v", c.name, o, err)
		}
		if tok := a.places.all()[0].token; len(m.objects) != c.left || len(a.handles(tok)) != c.left {
			t.Errorf("%s: %d objects and %d handles, want %d", c.name, len(m.objects), len(a.handles(tok)), c.left)
		}
	}
}

// A search that finds an object which can get no handle says so.
func TestFindInFullShard(t *testing.T) {
	a := New(&finds{idle: idle{cipher: new(idleCipher)}, objects: []api.ObjectID{{3}}})
	h, err := a.OpenSession(0, ck.CKF_SERIAL_SESSION)
	if err == nil {
		err = a.FindObjectsInit(h, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.objects[3].used = objectRows
	if n, err := a.FindObjects(h, make([]ck.ObjectHandle, 9)); n != 0 || err != ck.CKR_HOST_MEMORY {
		t.Errorf("%d, %v", n, err)
	}
}
