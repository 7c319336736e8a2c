package slots

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// GenerateKey is C_GenerateKey (section 5.18). A nil mechanism is
// CKR_ARGUMENTS_BAD, here as in all that follows.
func (a *App) GenerateKey(h ck.SessionHandle, m *ck.Mechanism, t ck.Template) (ck.ObjectHandle, error) {
	s, err := a.enterMechanism(h, m)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	if s.asynchronous() {
		return 0, s.generateLater(a, &s.generateKey, "C_GenerateKey", func(p api.Partition, who api.Caller) ([]api.ObjectID, error) {
			id, err := p.GenerateKey(who, m, t)
			return whatWasMade(err, id)
		})
	}
	id, err := s.token.partition.GenerateKey(s.caller(), m, t)
	return a.made(s, id, err)
}

// GenerateKeyPair is C_GenerateKeyPair (section 5.18).
func (a *App) GenerateKeyPair(h ck.SessionHandle, m *ck.Mechanism, public, private ck.Template) (pub, priv ck.ObjectHandle, err error) {
	s, err := a.enterMechanism(h, m)
	if err != nil {
		return 0, 0, err
	}
	defer s.leave()
	if s.asynchronous() {
		return 0, 0, s.generateLater(a, &s.generateKeyPair, "C_GenerateKeyPair", func(p api.Partition, who api.Caller) ([]api.ObjectID, error) {
			pub, priv, err := p.GenerateKeyPair(who, m, public, private)
			return whatWasMade(err, pub, priv)
		})
	}
	pubID, privID, err := s.token.partition.GenerateKeyPair(s.caller(), m, public, private)
	if err != nil {
		return 0, 0, err
	}
	made, err := a.madeAll(s, []api.ObjectID{pubID, privID})
	return made[0], made[1], err
}

// WrapKey is C_WrapKey (section 5.18): CKR_WRAPPING_KEY_HANDLE_INVALID for the
// wrapping key, CKR_KEY_HANDLE_INVALID for the other one.
func (a *App) WrapKey(h ck.SessionHandle, m *ck.Mechanism, wrapping, key ck.ObjectHandle, dst []byte) (int, error) {
	return a.wrapKey(h, m, wrapping, key, func(p api.Partition, who api.Caller, wrapping, key api.ObjectID) (int, error) {
		return p.WrapKey(who, m, wrapping, key, dst)
	})
}

// WrapKeyAuthenticated is C_WrapKeyAuthenticated (section 5.18); as WrapKey. The
// IV and the tag come back in the mechanism's parameter.
func (a *App) WrapKeyAuthenticated(h ck.SessionHandle, m *ck.Mechanism, wrapping, key ck.ObjectHandle, aad, dst []byte) (int, error) {
	return a.wrapKey(h, m, wrapping, key, func(p api.Partition, who api.Caller, wrapping, key api.ObjectID) (int, error) {
		return p.WrapKeyAuthenticated(who, m, wrapping, key, aad, dst)
	})
}

func (a *App) wrapKey(h ck.SessionHandle, m *ck.Mechanism, wrapping, key ck.ObjectHandle,
	wrap func(p api.Partition, who api.Caller, wrapping, key api.ObjectID) (int, error)) (int, error) {
	s, wrapID, err := a.enterKey(h, m, wrapping, ck.CKR_WRAPPING_KEY_HANDLE_INVALID)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	keyID, ok := a.object(s.token, key)
	if !ok {
		return 0, ck.CKR_KEY_HANDLE_INVALID
	}
	part, who := s.token.partition, s.caller()
	n, err := wrap(part, who, wrapID, keyID)
	gone, code := key, ck.CKR_KEY_HANDLE_INVALID
	if err != nil && !part.Exists(who, wrapID) {
		gone, code = wrapping, ck.CKR_WRAPPING_KEY_HANDLE_INVALID
	}
	return n, a.notThere(s, gone, err, code)
}

// UnwrapKey is C_UnwrapKey (section 5.18): CKR_UNWRAPPING_KEY_HANDLE_INVALID.
func (a *App) UnwrapKey(h ck.SessionHandle, m *ck.Mechanism, unwrapping ck.ObjectHandle, wrapped []byte, t ck.Template) (ck.ObjectHandle, error) {
	return a.unwrapKey(h, m, unwrapping, func(p api.Partition, who api.Caller, id api.ObjectID) (api.ObjectID, error) {
		return p.UnwrapKey(who, m, id, wrapped, t)
	})
}

// UnwrapKeyAuthenticated is C_UnwrapKeyAuthenticated (section 5.18); as UnwrapKey.
func (a *App) UnwrapKeyAuthenticated(h ck.SessionHandle, m *ck.Mechanism, unwrapping ck.ObjectHandle, wrapped, aad []byte, t ck.Template) (ck.ObjectHandle, error) {
	return a.unwrapKey(h, m, unwrapping, func(p api.Partition, who api.Caller, id api.ObjectID) (api.ObjectID, error) {
		return p.UnwrapKeyAuthenticated(who, m, id, wrapped, aad, t)
	})
}

func (a *App) unwrapKey(h ck.SessionHandle, m *ck.Mechanism, unwrapping ck.ObjectHandle,
	unwrap func(p api.Partition, who api.Caller, id api.ObjectID) (api.ObjectID, error)) (ck.ObjectHandle, error) {
	s, id, err := a.enterKey(h, m, unwrapping, ck.CKR_UNWRAPPING_KEY_HANDLE_INVALID)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	id, err = unwrap(s.token.partition, s.caller(), id)
	return a.made(s, id, a.notThere(s, unwrapping, err, ck.CKR_UNWRAPPING_KEY_HANDLE_INVALID))
}

// DeriveKey is C_DeriveKey (section 5.18): CKR_KEY_HANDLE_INVALID.
func (a *App) DeriveKey(h ck.SessionHandle, m *ck.Mechanism, base ck.ObjectHandle, t ck.Template) (ck.ObjectHandle, error) {
	s, id, err := a.enterKey(h, m, base, ck.CKR_KEY_HANDLE_INVALID)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	if p, ok := m.Param.(*ck.HKDFParams); ok && p.SaltType == ck.CKF_HKDF_SALT_KEY {
		if p.SaltID, ok = a.object(s.token, p.SaltKey); !ok {
			return 0, ck.CKR_KEY_HANDLE_INVALID
		}
	}
	id, err = s.token.partition.DeriveKey(s.caller(), m, id, t)
	return a.made(s, id, a.notThere(s, base, err, ck.CKR_KEY_HANDLE_INVALID))
}

// enterMechanism is enter for a call that must have a mechanism.
func (a *App) enterMechanism(h ck.SessionHandle, m *ck.Mechanism) (*session, error) {
	s, err := a.enter(h)
	if err == nil && m == nil {
		s.leave()
		return nil, ck.CKR_ARGUMENTS_BAD
	}
	return s, err
}

// enterKey is enterMechanism for a call with the key k; invalid is the code if
// there is no such key.
func (a *App) enterKey(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle, invalid ck.RV) (*session, api.ObjectID, error) {
	s, err := a.enterMechanism(h, m)
	if err != nil {
		return nil, api.ObjectID{}, err
	}
	id, ok := a.object(s.token, k)
	if !ok {
		s.leave()
		return nil, id, invalid
	}
	return s, id, nil
}
