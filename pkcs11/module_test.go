package main

import (
	"slices"
	"testing"
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// fakeModule is a module with one partition in slot 0. What it lacks panics, for
// contain to catch.
type fakeModule struct {
	api.Module
	partition *fakePartition
	kinds     map[ck.MechanismType]ck.ParamKind
	closed    bool
}

func (m *fakeModule) Refresh() error { return nil }
func (m *fakeModule) Close() error   { m.closed = true; return nil }
func (m *fakeModule) Slots() []api.Slot {
	return []api.Slot{{ID: 0, Partition: m.partition}, {ID: 1}}
}
func (m *fakeModule) Mechanism(t ck.MechanismType) (*api.MechanismInfo, bool) {
	kind, ok := m.kinds[t]
	return &api.MechanismInfo{Type: t, Param: kind}, ok
}
func (m *fakeModule) Mechanisms() []api.MechanismInfo {
	return []api.MechanismInfo{{Type: ck.CKM_SHA256}, {Type: ck.CKM_AES_GCM, Param: ck.ParamGCM}}
}
func (m *fakeModule) Random(dst []byte) error {
	for i := range dst {
		dst[i] = 0xA5
	}
	return nil
}

// fakePartition remembers the mechanism that it was last given.
type fakePartition struct {
	api.Partition
	mech *ck.Mechanism
	// As they were given, kept against the rules to see them wiped.
	pin  []byte
	tmpl ck.Template
	read string // the values of tmpl, as they were then
}

func (p *fakePartition) Info() api.PartitionInfo {
	return api.PartitionInfo{Label: "fake", Serial: "0123456789abcdef", Flags: ck.CKF_TOKEN_INITIALIZED}
}
func (p *fakePartition) CloseSession(api.SessionID)                 {}
func (p *fakePartition) Exists(api.Caller, api.ObjectID) bool       { return true }
func (p *fakePartition) Digest(*ck.Mechanism) (api.Digester, error) { return &fakeDigest{}, nil }
func (p *fakePartition) LoginUser(_ ck.UserType, _ string, pin []byte) (api.Identity, error) {
	p.pin = pin
	return 1, nil
}
func (p *fakePartition) CreateObject(_ api.Caller, tmpl ck.Template) (api.ObjectID, error) {
	p.tmpl, p.read = slices.Clone(tmpl), ""
	for i := range tmpl {
		p.read += string(tmpl[i].Value)
	}
	return api.ObjectID{1}, nil
}
func (p *fakePartition) Logout(api.Identity) error { return nil }

// fakeDigest sums bytes up; its result has two bytes.
type fakeDigest struct{ sum uint16 }

func (d *fakeDigest) Close() {}
func (d *fakeDigest) OneShot(dst, data []byte) (int, error) {
	if n, err := d.room(dst); n >= 0 {
		return n, err
	}
	_ = d.Update(data)
	return d.Final(dst)
}
func (d *fakeDigest) Update(data []byte) error {
	for _, b := range data {
		if b == 0xFF {
			panic("a byte that the fake cannot stand")
		}
		d.sum += uint16(b)
	}
	return nil
}
func (d *fakeDigest) Final(dst []byte) (int, error) {
	if n, err := d.room(dst); n >= 0 {
		return n, err
	}
	dst[0], dst[1] = byte(d.sum>>8), byte(d.sum)
	return 2, nil
}

// room answers the question for the length, or is negative.
func (d *fakeDigest) room(dst []byte) (int, error) {
	switch {
	case dst == nil:
		return 2, nil
	case len(dst) < 2:
		return 2, ck.CKR_BUFFER_TOO_SMALL
	}
	return -1, nil
}

// start makes an application on a fake module the current one and opens a session.
func start(t testing.TB) (*fakeModule, cSession) {
	t.Helper()
	m := &fakeModule{
		partition: &fakePartition{},
		kinds:     map[ck.MechanismType]ck.ParamKind{ck.CKM_SHA256: ck.ParamNone, ck.CKM_AES_GCM: ck.ParamGCM},
	}
	current.Store(slots.New(m))
	t.Cleanup(func() { current.Store(nil) })
	var h cSession
	if rv := coffer_C_OpenSession(0, cUlong(ck.CKF_SERIAL_SESSION), nil, nil, &h); rv != 0 {
		t.Fatalf("C_OpenSession: %v", ck.RV(rv))
	}
	return m, h
}

// want checks a code.
func want(t testing.TB, what string, got cRV, rv ck.RV) {
	t.Helper()
	if ck.RV(got) != rv {
		t.Errorf("%s: %v, want %v", what, ck.RV(got), rv)
	}
}

// pointer is p as C has it.
func pointer[T any](p *T) cPointer { return cPointer(unsafe.Pointer(p)) }
