package slots

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

var signing = spec[api.Signer]{
	of:     func(s *session) *operation[api.Signer] { return &s.sign },
	start:  api.Partition.Sign,
	defers: SignOperation,
}

var signRecovery = spec[api.Cipher]{
	of:    func(s *session) *operation[api.Cipher] { return &s.signRecover },
	start: api.Partition.SignRecover,
}

// SignInit is C_SignInit (section 5.13).
func (a *App) SignInit(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle) error {
	return begin(a, h, &signing, m, k)
}

// Sign is C_Sign (section 5.13).
func (a *App) Sign(h ck.SessionHandle, src, dst []byte) (int, error) {
	if s := a.later(h, dst); s != nil {
		return signLater(a, s, h, "C_Sign", whole, src, dst, signWhole)
	}
	return oneShot(a, h, &signing, src, dst)
}

// SignUpdate is C_SignUpdate (section 5.13).
func (a *App) SignUpdate(h ck.SessionHandle, src []byte) error {
	return absorb(a, h, &signing, src)
}

// SignFinal is C_SignFinal (section 5.13).
func (a *App) SignFinal(h ck.SessionHandle, dst []byte) (int, error) {
	if s := a.later(h, dst); s != nil {
		return signLater(a, s, h, "C_SignFinal", last, nil, dst, signLast)
	}
	return final(a, h, &signing, dst)
}

// SignRecoverInit is C_SignRecoverInit (section 5.13).
func (a *App) SignRecoverInit(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle) error {
	return begin(a, h, &signRecovery, m, k)
}

// SignRecover is C_SignRecover (section 5.13).
func (a *App) SignRecover(h ck.SessionHandle, src, dst []byte) (int, error) {
	return oneShot(a, h, &signRecovery, src, dst)
}
