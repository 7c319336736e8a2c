package slots_test

import (
	"bytes"
	"crypto/rand"
	"slices"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// twin is an api.Module in memory that does what its contract says in the
// plainest way: one lock, no sealing, PINs as they are. The scripts run on it
// and on the real one, and must tell the same story.
type twin struct {
	mu         sync.Mutex
	partitions []*twinPartition
	closed     int
}

func (m *twin) Refresh() error { return nil }

func (m *twin) Slots() []api.Slot {
	m.mu.Lock()
	defer m.mu.Unlock()
	var slots []api.Slot
	for i, p := range m.partitions {
		slots = append(slots, api.Slot{ID: ck.SlotID(i + 1), Partition: p})
	}
	return append(slots, api.Slot{ID: ck.SlotID(len(slots) + 1)})
}

func (m *twin) InitToken(slot ck.SlotID, soPIN []byte, label string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(soPIN) < 4 || len(soPIN) > 255 {
		return ck.CKR_PIN_LEN_RANGE
	}
	fresh := newTwinPartition(label, soPIN)
	n := int(slot) - 1
	if n == len(m.partitions) {
		m.partitions = append(m.partitions, fresh)
		return nil
	}
	if !bytes.Equal(soPIN, m.partitions[n].pins[twinSO]) {
		return ck.CKR_PIN_INCORRECT
	}
	m.partitions[n] = fresh
	return nil
}

func (m *twin) Mechanisms() []api.MechanismInfo { return twinMechanisms }

func (m *twin) Mechanism(t ck.MechanismType) (*api.MechanismInfo, bool) {
	for i := range twinMechanisms {
		if twinMechanisms[i].Type == t {
			return &twinMechanisms[i], true
		}
	}
	return nil, false
}

func (m *twin) Random(dst []byte) error { _, err := rand.Read(dst); return err }
func (m *twin) SeedRandom([]byte) error { return ck.CKR_RANDOM_SEED_NOT_SUPPORTED }
func (m *twin) Close() error            { m.closed++; return nil }

// twinPartition is an api.Partition; identities are small numbers that grow.
type twinPartition struct {
	mu         sync.Mutex
	label      string
	pins       map[twinUser][]byte
	failed     map[twinUser]int // of those too who do not exist
	identities map[api.Identity]twinUser
	lastID     api.Identity
	objects    []*twinObject   // oldest first
	states     [][]api.Started // that were saved
}

// twinUser is whose PIN it is; the name is empty for those without.
type twinUser struct {
	kind ck.UserType
	name string
}

var twinSO, unnamed = twinUser{kind: ck.CKU_SO}, twinUser{kind: ck.CKU_USER}

type twinObject struct {
	id      api.ObjectID
	attrs   ck.Template
	session api.SessionID // 0 for a token object
}

func newTwinPartition(label string, soPIN []byte) *twinPartition {
	return &twinPartition{
		objects:    twinProfiles(),
		label:      label,
		pins:       map[twinUser][]byte{twinSO: bytes.Clone(soPIN)},
		failed:     map[twinUser]int{},
		identities: map[api.Identity]twinUser{},
	}
}

func (p *twinPartition) Info() api.PartitionInfo {
	p.mu.Lock()
	defer p.mu.Unlock()
	info := api.PartitionInfo{Label: p.label, Serial: "0123456789abcdef", MinPIN: 4, MaxPIN: 255}
	if p.pins[unnamed] != nil {
		info.Flags |= ck.CKF_USER_PIN_INITIALIZED
	}
	return info
}

// check compares a PIN; ten wrong ones lock it. mu is held.
func (p *twinPartition) check(user twinUser, pin []byte) error {
	switch {
	case p.pins[user] == nil && user.name == "":
		return ck.CKR_USER_PIN_NOT_INITIALIZED
	case p.failed[user] >= 10:
		return ck.CKR_PIN_LOCKED
	case p.pins[user] == nil || !bytes.Equal(pin, p.pins[user]):
		p.failed[user]++
		return ck.CKR_PIN_INCORRECT
	}
	p.failed[user] = 0
	return nil
}

func (p *twinPartition) Login(user ck.UserType, pin []byte) (api.Identity, error) {
	return p.LoginUser(user, "", pin)
}

func (p *twinPartition) LoginUser(kind ck.UserType, name string, pin []byte) (api.Identity, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	user := twinUser{kind, name}
	if err := p.check(user, pin); err != nil {
		return 0, err
	}
	p.lastID++
	p.identities[p.lastID] = user
	return p.lastID, nil
}

func (p *twinPartition) LoggedIn(id api.Identity) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.identities[id]
	return ok
}

func (p *twinPartition) Logout(id api.Identity) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.identities, id)
	p.drop(func(o *twinObject) bool { return o.session != 0 && o.flag(ck.CKA_PRIVATE) })
	return nil
}

func (p *twinPartition) CloseSession(s api.SessionID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(func(o *twinObject) bool { return o.session == s })
}

// drop removes the objects for which gone is true. mu is held.
func (p *twinPartition) drop(gone func(*twinObject) bool) {
	p.objects = slices.DeleteFunc(p.objects, gone)
}

func (o *twinObject) flag(t ck.AttributeType) bool {
	v, _ := o.attrs.Bool(t)
	return v
}

func (o *twinObject) value(t ck.AttributeType) []byte {
	a, _ := o.attrs.Find(t)
	return a.Value
}

// fits reports whether the object has all that tmpl asks for.
func (o *twinObject) fits(tmpl ck.Template) bool {
	for _, want := range tmpl {
		a, ok := o.attrs.Find(want.Type)
		if !ok || !bytes.Equal(a.Value, want.Value) {
			return false
		}
	}
	return true
}

// sees reports whether who may know of o. mu is held.
func (p *twinPartition) sees(who api.Caller, o *twinObject) bool {
	user, in := p.identities[who.Identity]
	return !o.flag(ck.CKA_PRIVATE) || in && user.kind == ck.CKU_USER
}

// object is the look-up that all calls share. mu is held.
func (p *twinPartition) object(who api.Caller, id api.ObjectID) (*twinObject, error) {
	for _, o := range p.objects {
		if o.id == id && p.sees(who, o) {
			return o, nil
		}
	}
	return nil, ck.CKR_OBJECT_HANDLE_INVALID
}

// add checks the rights that the standard ties to sessions and keeps the object.
func (p *twinPartition) add(who api.Caller, attrs ck.Template) (api.ObjectID, error) {
	o := &twinObject{attrs: slices.Clone(attrs), session: who.Session}
	if o.flag(ck.CKA_TOKEN) {
		o.session = 0
		if !who.ReadWrite {
			return o.id, ck.CKR_SESSION_READ_ONLY
		}
	}
	if !p.sees(who, o) {
		return o.id, ck.CKR_USER_NOT_LOGGED_IN
	}
	rand.Read(o.id[:])
	p.objects = append(p.objects, o)
	return o.id, nil
}
