package slots_test

import (
	"bytes"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// The PINs and the users of the twin.

func (p *twinPartition) set(user twinUser, pin []byte) error {
	if len(pin) < 4 || len(pin) > 255 {
		return ck.CKR_PIN_LEN_RANGE
	}
	p.pins[user], p.failed[user] = bytes.Clone(pin), 0
	return nil
}

// bySO does something for the SO alone.
func (p *twinPartition) bySO(who api.Caller, do func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if user, in := p.identities[who.Identity]; !in || user != twinSO {
		return ck.CKR_USER_NOT_LOGGED_IN
	}
	return do()
}

// onUser does something for the SO to a user who is there, or is not.
func (p *twinPartition) onUser(who api.Caller, name string, there bool, do func(twinUser) error) error {
	return p.bySO(who, func() error {
		user := twinUser{ck.CKU_USER, name}
		if (p.pins[user] != nil) != there {
			return ck.CKR_ARGUMENTS_BAD
		}
		return do(user)
	})
}

func (p *twinPartition) InitPIN(who api.Caller, pin []byte) error {
	return p.bySO(who, func() error { return p.set(unnamed, pin) })
}

func (p *twinPartition) InitUserPIN(who api.Caller, name string, pin []byte) error {
	return p.onUser(who, name, true, func(u twinUser) error { return p.set(u, pin) })
}

func (p *twinPartition) CreateUser(who api.Caller, name string, pin []byte) error {
	return p.onUser(who, name, false, func(u twinUser) error { return p.set(u, pin) })
}

func (p *twinPartition) UnlockUser(who api.Caller, name string) error {
	return p.onUser(who, name, true, func(u twinUser) error { p.failed[u] = 0; return nil })
}

func (p *twinPartition) DeleteUser(who api.Caller, name string) error {
	return p.onUser(who, name, true, func(u twinUser) error {
		delete(p.pins, u)
		for id, user := range p.identities {
			if user == u {
				delete(p.identities, id)
			}
		}
		return nil
	})
}

func (p *twinPartition) Users(who api.Caller) (all []api.UserInfo, err error) {
	return all, p.bySO(who, func() error {
		for u := range p.pins {
			if u.name != "" {
				all = append(all, api.UserInfo{Name: u.name})
			}
		}
		return nil
	})
}

func (p *twinPartition) SetPINPolicy(who api.Caller, _ api.PINPolicy) error {
	return p.bySO(who, func() error { return nil })
}

func (p *twinPartition) SetPIN(kind ck.UserType, old, new []byte) error {
	return p.changePIN(twinUser{kind: kind}, old, new)
}

func (p *twinPartition) SetUserPIN(name string, old, new []byte) error {
	return p.changePIN(twinUser{ck.CKU_USER, name}, old, new)
}

func (p *twinPartition) changePIN(user twinUser, old, new []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.check(user, old); err != nil {
		return err
	}
	return p.set(user, new)
}
