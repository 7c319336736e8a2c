package slots

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

var digestion = spec[api.Digester]{
	of: func(s *session) *operation[api.Digester] { return &s.digest },
	start: func(p api.Partition, _ api.Caller, m *ck.Mechanism, _ api.ObjectID) (api.Digester, error) {
		return p.Digest(m)
	},
	keyless: true,
	defers:  DigestOperation,
}

// DigestInit is C_DigestInit (section 5.12).
func (a *App) DigestInit(h ck.SessionHandle, m *ck.Mechanism) error {
	return begin(a, h, &digestion, m, 0)
}

// Digest is C_Digest (section 5.12).
func (a *App) Digest(h ck.SessionHandle, src, dst []byte) (int, error) {
	if n, done, err := a.sumTaken(h, src, dst); done {
		return n, err
	}
	return oneShot(a, h, &digestion, src, dst)
}

// DigestUpdate is C_DigestUpdate (section 5.12).
func (a *App) DigestUpdate(h ck.SessionHandle, src []byte) error {
	return absorb(a, h, &digestion, src)
}

// DigestFinal is C_DigestFinal (section 5.12).
func (a *App) DigestFinal(h ck.SessionHandle, dst []byte) (int, error) {
	return final(a, h, &digestion, dst)
}

// DigestKey is C_DigestKey (section 5.12): CKR_KEY_HANDLE_INVALID,
// CKR_KEY_INDIGESTIBLE. A digest of a private key ends with the login.
func (a *App) DigestKey(h ck.SessionHandle, k ck.ObjectHandle) error {
	s, err := a.session(h)
	if err != nil {
		return err
	}
	_, err = run(a, h, &digestion, part, false, func(op api.Digester) (int, error) {
		id, ok := a.object(s.token, k)
		if !ok {
			return 0, ck.CKR_KEY_HANDLE_INVALID
		}
		if !s.token.partition.Exists(api.Caller{}, id) {
			s.digest.private = true
		}
		err := s.token.partition.DigestKey(s.caller(), op, id)
		return 0, a.notThere(s, k, err, ck.CKR_KEY_HANDLE_INVALID)
	})
	return err
}
