package slots

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

var verification = spec[api.Verifier]{
	of:    func(s *session) *operation[api.Verifier] { return &s.verify },
	start: api.Partition.Verify,
}

var verifyRecovery = spec[api.Cipher]{
	of:    func(s *session) *operation[api.Cipher] { return &s.verifyRecover },
	start: api.Partition.VerifyRecover,
}

// VerifyInit is C_VerifyInit (section 5.15).
func (a *App) VerifyInit(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle) error {
	return begin(a, h, &verification, m, k)
}

// Verify is C_Verify (section 5.15). It has no output and always ends the
// operation.
func (a *App) Verify(h ck.SessionHandle, src, signature []byte) error {
	_, err := run(a, h, &verification, whole, false, func(op api.Verifier) (int, error) {
		return 0, op.OneShot(src, signature)
	})
	return err
}

// VerifyUpdate is C_VerifyUpdate (section 5.15).
func (a *App) VerifyUpdate(h ck.SessionHandle, src []byte) error {
	return absorb(a, h, &verification, src)
}

// VerifyFinal is C_VerifyFinal (section 5.15); as Verify.
func (a *App) VerifyFinal(h ck.SessionHandle, signature []byte) error {
	_, err := run(a, h, &verification, last, false, func(op api.Verifier) (int, error) {
		return 0, op.Final(signature)
	})
	return err
}

// VerifyRecoverInit is C_VerifyRecoverInit (section 5.15).
func (a *App) VerifyRecoverInit(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle) error {
	return begin(a, h, &verifyRecovery, m, k)
}

// VerifyRecover is C_VerifyRecover (section 5.15).
func (a *App) VerifyRecover(h ck.SessionHandle, signature, dst []byte) (int, error) {
	return oneShot(a, h, &verifyRecovery, signature, dst)
}
