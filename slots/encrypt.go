package slots

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

var encryption = spec[api.Cipher]{
	of:    func(s *session) *operation[api.Cipher] { return &s.encrypt },
	start: api.Partition.Encrypt,
}

var decryption = spec[api.Cipher]{
	of:    func(s *session) *operation[api.Cipher] { return &s.decrypt },
	start: api.Partition.Decrypt,
}

// EncryptInit is C_EncryptInit (section 5.8). A nil mechanism cancels the
// operation, here as in the other xxxInit methods.
func (a *App) EncryptInit(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle) error {
	return begin(a, h, &encryption, m, k)
}

// Encrypt is C_Encrypt (section 5.8).
func (a *App) Encrypt(h ck.SessionHandle, src, dst []byte) (int, error) {
	return oneShot(a, h, &encryption, src, dst)
}

// EncryptUpdate is C_EncryptUpdate (section 5.8).
func (a *App) EncryptUpdate(h ck.SessionHandle, src, dst []byte) (int, error) {
	return transform(a, h, &encryption, src, dst)
}

// EncryptFinal is C_EncryptFinal (section 5.8).
func (a *App) EncryptFinal(h ck.SessionHandle, dst []byte) (int, error) {
	return final(a, h, &encryption, dst)
}

// DecryptInit is C_DecryptInit (section 5.10).
func (a *App) DecryptInit(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle) error {
	return begin(a, h, &decryption, m, k)
}

// Decrypt is C_Decrypt (section 5.10).
func (a *App) Decrypt(h ck.SessionHandle, src, dst []byte) (int, error) {
	return oneShot(a, h, &decryption, src, dst)
}

// DecryptUpdate is C_DecryptUpdate (section 5.10).
func (a *App) DecryptUpdate(h ck.SessionHandle, src, dst []byte) (int, error) {
	return transform(a, h, &decryption, src, dst)
}

// DecryptFinal is C_DecryptFinal (section 5.10).
func (a *App) DecryptFinal(h ck.SessionHandle, dst []byte) (int, error) {
	return final(a, h, &decryption, dst)
}
