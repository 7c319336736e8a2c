package slots

import "github.com/coffer-hsm/coffer/hsm/ck"

// EncapsulateKey is C_EncapsulateKey (section 5.18): CKR_KEY_HANDLE_INVALID. It
// returns the length of the ciphertext, and the new key unless dst is nil, the
// question for that length.
func (a *App) EncapsulateKey(h ck.SessionHandle, m *ck.Mechanism, public ck.ObjectHandle, t ck.Template, dst []byte) (int, ck.ObjectHandle, error) {
	s, id, err := a.enterKey(h, m, public, ck.CKR_KEY_HANDLE_INVALID)
	if err != nil {
		return 0, 0, err
	}
	defer s.leave()
	n, id, err := s.token.partition.EncapsulateKey(s.caller(), m, id, t, dst)
	if err != nil || dst == nil {
		return n, 0, a.notThere(s, public, err, ck.CKR_KEY_HANDLE_INVALID)
	}
	made, err := a.made(s, id, nil)
	return n, made, err
}

// DecapsulateKey is C_DecapsulateKey (section 5.18): CKR_UNWRAPPING_KEY_HANDLE_INVALID.
func (a *App) DecapsulateKey(h ck.SessionHandle, m *ck.Mechanism, private ck.ObjectHandle, t ck.Template, ciphertext []byte) (ck.ObjectHandle, error) {
	s, id, err := a.enterKey(h, m, private, ck.CKR_UNWRAPPING_KEY_HANDLE_INVALID)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	id, err = s.token.partition.DecapsulateKey(s.caller(), m, id, t, ciphertext)
	return a.made(s, id, a.notThere(s, private, err, ck.CKR_UNWRAPPING_KEY_HANDLE_INVALID))
}
