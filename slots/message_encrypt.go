package slots

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

var messageEncryption = spec[api.MessageCipher]{
	of:    func(s *session) *operation[api.MessageCipher] { return &s.messageEncrypt },
	start: api.Partition.MessageEncrypt,
}

var messageDecryption = spec[api.MessageCipher]{
	of:    func(s *session) *operation[api.MessageCipher] { return &s.messageDecrypt },
	start: api.Partition.MessageDecrypt,
}

func wholeMessage(a *App, h ck.SessionHandle, k *spec[api.MessageCipher], p *ck.MessageParams, aad, src, dst []byte) (int, error) {
	return onMessage(a, h, k, MessageWhole, dst == nil, func(op api.MessageCipher) (int, error) {
		return op.Message(p, aad, dst, src)
	})
}

func beginMessage(a *App, h ck.SessionHandle, k *spec[api.MessageCipher], p *ck.MessageParams, aad []byte) error {
	_, err := onMessage(a, h, k, MessageBegin, false, func(op api.MessageCipher) (int, error) {
		return 0, op.Begin(p, aad)
	})
	return err
}

func nextOfMessage(a *App, h ck.SessionHandle, k *spec[api.MessageCipher], p *ck.MessageParams, src, dst []byte, end bool) (int, error) {
	st := MessageNext
	if end {
		st = MessageEnd
	}
	return onMessage(a, h, k, st, dst == nil, func(op api.MessageCipher) (int, error) {
		return op.Next(p, dst, src, end)
	})
}

// MessageEncryptInit is C_MessageEncryptInit (section 5.9). A nil mechanism ends
// the operation and its message, here as in the other MessageXxxInit methods.
func (a *App) MessageEncryptInit(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle) error {
	return begin(a, h, &messageEncryption, m, k)
}

// EncryptMessage is C_EncryptMessage (section 5.9). What p points to is read and
// written in the call.
func (a *App) EncryptMessage(h ck.SessionHandle, p *ck.MessageParams, aad, src, dst []byte) (int, error) {
	return wholeMessage(a, h, &messageEncryption, p, aad, src, dst)
}

// EncryptMessageBegin is C_EncryptMessageBegin (section 5.9).
func (a *App) EncryptMessageBegin(h ck.SessionHandle, p *ck.MessageParams, aad []byte) error {
	return beginMessage(a, h, &messageEncryption, p, aad)
}

// EncryptMessageNext is C_EncryptMessageNext (section 5.9); end is
// CKF_END_OF_MESSAGE.
func (a *App) EncryptMessageNext(h ck.SessionHandle, p *ck.MessageParams, src, dst []byte, end bool) (int, error) {
	return nextOfMessage(a, h, &messageEncryption, p, src, dst, end)
}

// MessageEncryptFinal is C_MessageEncryptFinal (section 5.9).
func (a *App) MessageEncryptFinal(h ck.SessionHandle) error {
	return finalMessage(a, h, &messageEncryption)
}

// MessageDecryptInit is C_MessageDecryptInit (section 5.11).
func (a *App) MessageDecryptInit(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle) error {
	return begin(a, h, &messageDecryption, m, k)
}

// DecryptMessage is C_DecryptMessage (section 5.11): CKR_AEAD_DECRYPT_FAILED.
func (a *App) DecryptMessage(h ck.SessionHandle, p *ck.MessageParams, aad, src, dst []byte) (int, error) {
	return wholeMessage(a, h, &messageDecryption, p, aad, src, dst)
}

// DecryptMessageBegin is C_DecryptMessageBegin (section 5.11).
func (a *App) DecryptMessageBegin(h ck.SessionHandle, p *ck.MessageParams, aad []byte) error {
	return beginMessage(a, h, &messageDecryption, p, aad)
}

// DecryptMessageNext is C_DecryptMessageNext (section 5.11). All plaintext comes
// with the last part.
func (a *App) DecryptMessageNext(h ck.SessionHandle, p *ck.MessageParams, src, dst []byte, end bool) (int, error) {
	return nextOfMessage(a, h, &messageDecryption, p, src, dst, end)
}

// MessageDecryptFinal is C_MessageDecryptFinal (section 5.11).
func (a *App) MessageDecryptFinal(h ck.SessionHandle) error {
	return finalMessage(a, h, &messageDecryption)
}
