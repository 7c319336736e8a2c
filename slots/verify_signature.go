package slots

import (
	"bytes"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// knownSignature is a verification whose signature came first. It is an operation
// of its own: one begun with C_VerifyInit may be active beside it.
type knownSignature struct {
	api.Verifier
	signature []byte
}

func verifySignatureOf(s *session) *operation[*knownSignature] { return &s.verifySignature }

var knownVerification = spec[*knownSignature]{of: verifySignatureOf}

// VerifySignatureInit is C_VerifySignatureInit (section 5.15). The signature is
// copied; whether it is right, or can be for its length, is told at the end.
func (a *App) VerifySignatureInit(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle, signature []byte) error {
	start := func(p api.Partition, who api.Caller, m *ck.Mechanism, key api.ObjectID) (*knownSignature, error) {
		op, err := p.Verify(who, m, key)
		if err != nil {
			return nil, err
		}
		return &knownSignature{op, bytes.Clone(signature)}, nil
	}
	return begin(a, h, &spec[*knownSignature]{of: verifySignatureOf, start: start}, m, k)
}

// VerifySignature is C_VerifySignature (section 5.15). It always ends the
// operation, as C_Verify does.
func (a *App) VerifySignature(h ck.SessionHandle, src []byte) error {
	_, err := run(a, h, &knownVerification, whole, false, func(op *knownSignature) (int, error) {
		return 0, op.OneShot(src, op.signature)
	})
	return err
}

// VerifySignatureUpdate is C_VerifySignatureUpdate (section 5.15).
func (a *App) VerifySignatureUpdate(h ck.SessionHandle, src []byte) error {
	return absorb(a, h, &knownVerification, src)
}

// VerifySignatureFinal is C_VerifySignatureFinal (section 5.15); as
// VerifySignature.
func (a *App) VerifySignatureFinal(h ck.SessionHandle) error {
	_, err := run(a, h, &knownVerification, last, false, func(op *knownSignature) (int, error) {
		return 0, op.Final(op.signature)
	})
	return err
}
