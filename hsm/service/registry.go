package service

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// registry holds every mechanism. It is filled by the init functions of this
// package and only read afterwards, so it needs no lock.
var registry = map[ck.MechanismType]*Mechanism{}

// register adds mechanisms to the registry; each file with a table of them has
// one init function that calls it. A table that contradicts itself is a fault of
// this package, found by any test, and panics.
func register(table ...Mechanism) {
	for i := range table {
		m := &table[i]
		if _, twice := registry[m.Type]; twice {
			panic(fmt.Sprintf("service: %v is registered twice", m.Type))
		}
		if err := m.check(); err != nil {
			panic(fmt.Sprintf("service: %v: %v", m.Type, err))
		}
		m.info = m.describe()
		registry[m.Type] = m
		m.page()
	}
}

// pages is the registry once more: a page of the mechanisms whose types differ in the
// last eight bits only, for the types of the standard. Every Init looks one up, and to
// index twice takes a fraction of what a map does.
var pages [maxPaged >> 8]*[256]*Mechanism

// maxPaged is above the types of the standard, which leave a gap up to
// CKM_VENDOR_DEFINED.
const maxPaged = 0x5000

func (m *Mechanism) page() {
	if m.Type >= maxPaged {
		return
	}
	p := &pages[m.Type>>8]
	if *p == nil {
		*p = new([256]*Mechanism)
	}
	(*p)[m.Type&0xFF] = m
}

// Lookup returns the mechanism of type t. It is shared and not to be changed.
func Lookup(t ck.MechanismType) (*Mechanism, bool) {
	if t >= maxPaged {
		m, ok := registry[t]
		return m, ok
	}
	page := pages[t>>8]
	if page == nil || page[t&0xFF] == nil {
		return nil, false
	}
	return page[t&0xFF], true
}

// Of is Lookup for a mechanism that may have been looked up before.
func Of(m *ck.Mechanism) (*Mechanism, bool) {
	if r, ok := m.Registration.(*Mechanism); ok && r.Type == m.Type {
		return r, true
	}
	return Lookup(m.Type)
}

// All lists what is registered, sorted by type.
func All() []api.MechanismInfo {
	list := make([]api.MechanismInfo, 0, len(registry))
	for _, m := range registry {
		list = append(list, *m.Info())
	}
	slices.SortFunc(list, func(a, b api.MechanismInfo) int { return cmp.Compare(a.Type, b.Type) })
	return list
}

// Info is what C_GetMechanismInfo tells of a registered mechanism. Every Init asks
// for it, so it is not computed each time. It is shared and not to be changed.
func (m *Mechanism) Info() *api.MechanismInfo { return &m.info }

// describe computes Info: a flag for each function that is there, and Extra.
func (m *Mechanism) describe() api.MechanismInfo {
	info := api.MechanismInfo{
		Type: m.Type, Min: m.Min, Max: m.Max, Flags: m.Extra, Param: m.Param,
		Registration: m, Bare: &ck.Mechanism{Type: m.Type, Registration: m},
	}
	for _, op := range m.operations() {
		if op.present {
			info.Flags |= op.flag
		}
	}
	return info
}

// Accepts reports whether the mechanism works with keys of type kt.
func (m *Mechanism) Accepts(kt ck.KeyType) bool { return slices.Contains(m.KeyTypes, kt) }

type operation struct {
	flag    ck.Flags
	present bool
}

// operations pairs each function of a mechanism with its flag of
// CK_MECHANISM_INFO (section 3.5).
func (m *Mechanism) operations() [19]operation {
	return [...]operation{
		{ck.CKF_ENCRYPT, m.Encrypt != nil},
		{ck.CKF_DECRYPT, m.Decrypt != nil},
		{ck.CKF_DIGEST, m.Digest != nil},
		{ck.CKF_SIGN, m.Sign != nil},
		{ck.CKF_VERIFY, m.Verify != nil},
		{ck.CKF_SIGN_RECOVER, m.SignRecover != nil},
		{ck.CKF_VERIFY_RECOVER, m.VerifyRecover != nil},
		{ck.CKF_GENERATE, m.GenerateKey != nil},
		{ck.CKF_GENERATE_KEY_PAIR, m.GenerateKeyPair != nil},
		{ck.CKF_WRAP, m.Wrap != nil},
		{ck.CKF_UNWRAP, m.Unwrap != nil},
		{ck.CKF_DERIVE, m.Derive != nil},
		{ck.CKF_ENCAPSULATE, m.Encapsulate != nil},
		{ck.CKF_DECAPSULATE, m.Decapsulate != nil},
		{ck.CKF_MESSAGE_ENCRYPT, m.MessageEncrypt != nil},
		{ck.CKF_MESSAGE_DECRYPT, m.MessageDecrypt != nil},
		{ck.CKF_MESSAGE_SIGN, m.Sign != nil}, // by a Signer for each message
		{ck.CKF_MESSAGE_VERIFY, m.Verify != nil},
		{ck.CKF_MULTI_MESSAGE, m.MessageEncrypt != nil || m.Sign != nil},
	}
}

// twins are the operations that undo or check each other: a mechanism has both
// or neither.
var twins = [][2]ck.Flags{
	{ck.CKF_ENCRYPT, ck.CKF_DECRYPT},
	{ck.CKF_SIGN, ck.CKF_VERIFY},
	{ck.CKF_SIGN_RECOVER, ck.CKF_VERIFY_RECOVER},
	{ck.CKF_MESSAGE_ENCRYPT, ck.CKF_MESSAGE_DECRYPT},
	{ck.CKF_WRAP, ck.CKF_UNWRAP},
	{ck.CKF_ENCAPSULATE, ck.CKF_DECAPSULATE},
}

// check finds contradictions within one registration.
func (m *Mechanism) check() error {
	flags := m.describe().Flags &^ m.Extra
	if flags == 0 {
		return fmt.Errorf("does nothing")
	}
	if keyed := flags != ck.CKF_DIGEST; keyed != (len(m.KeyTypes) > 0) {
		return fmt.Errorf("key types do not go with what it does")
	}
	if m.Min > m.Max {
		return fmt.Errorf("key sizes from %d to %d", m.Min, m.Max)
	}
	for _, pair := range twins {
		if (flags&pair[0] == 0) != (flags&pair[1] == 0) {
			return fmt.Errorf("has one of the operations %#x and %#x only", pair[0], pair[1])
		}
	}
	return nil
}
