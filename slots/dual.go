package slots

import (
	"cmp"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// The functions that continue two operations at once (section 5.17): a cipher,
// and one that takes in the plaintext.

// DigestEncryptUpdate is C_DigestEncryptUpdate.
func (a *App) DigestEncryptUpdate(h ck.SessionHandle, src, dst []byte) (int, error) {
	return dual(a, h, &encryption, &digestion, absorbThenEncrypt, src, dst)
}

// DecryptDigestUpdate is C_DecryptDigestUpdate.
func (a *App) DecryptDigestUpdate(h ck.SessionHandle, src, dst []byte) (int, error) {
	return dual(a, h, &decryption, &digestion, decryptThenAbsorb, src, dst)
}

// SignEncryptUpdate is C_SignEncryptUpdate.
func (a *App) SignEncryptUpdate(h ck.SessionHandle, src, dst []byte) (int, error) {
	return dual(a, h, &encryption, &signing, absorbThenEncrypt, src, dst)
}

// DecryptVerifyUpdate is C_DecryptVerifyUpdate. What the decryption holds back
// until C_DecryptFinal is for the application to verify (section 5.17.4).
func (a *App) DecryptVerifyUpdate(h ck.SessionHandle, src, dst []byte) (int, error) {
	return dual(a, h, &decryption, &verification, decryptThenAbsorb, src, dst)
}

// dual is run for two operations. Without both it touches neither; an error
// other than CKR_BUFFER_TOO_SMALL ends both, since nobody could tell how far each
// of them has come.
func dual[O absorber](a *App, h ck.SessionHandle, k *spec[api.Cipher], l *spec[O],
	do func(c api.Cipher, o absorber, src, dst []byte) (int, error), src, dst []byte) (int, error) {
	s, err := a.enter(h)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	p, q := k.of(s), l.of(s)
	if err := takeCall(p, q); err != nil {
		return 0, err
	}
	goesOn := false
	defer func() {
		if !goesOn {
			p.end()
			q.end()
		}
	}()
	n, err := do(p.op, q.op, src, dst)
	goesOn = outlives(part, dst == nil, err)
	if err == nil && dst != nil {
		p.parts, q.parts = true, true
	}
	return told(n, err), err
}

// takeCall checks that both operations can take a call.
func takeCall(p, q activity) error {
	if !p.busy() || !q.busy() {
		return ck.CKR_OPERATION_NOT_INITIALIZED
	}
	return cmp.Or(takesCall(p), takesCall(q))
}

// absorbThenEncrypt takes in src before dst, which may be the same memory, is
// written. That the output fits is seen first: encryptions tell its length exactly.
func absorbThenEncrypt(c api.Cipher, o absorber, src, dst []byte) (int, error) {
	n, err := c.Update(nil, src)
	switch {
	case err != nil || dst == nil:
		return n, err
	case n > len(dst):
		return n, ck.CKR_BUFFER_TOO_SMALL
	}
	if err := o.Update(src); err != nil {
		return 0, err
	}
	return c.Update(dst, src)
}

func decryptThenAbsorb(c api.Cipher, o absorber, src, dst []byte) (int, error) {
	n, err := c.Update(dst, src)
	if err != nil || dst == nil {
		return n, err
	}
	return n, o.Update(dst[:n])
}

// RefuseDual is Refuse for the functions of two operations: it ends both, if both
// are active.
func (a *App) RefuseDual(h ck.SessionHandle, k, l Kind, rv ck.RV) ck.RV {
	s, err := a.enter(h)
	if err != nil {
		return ck.Code(err)
	}
	defer s.leave()
	p, q := s.activity(k), s.activity(l)
	if err := takeCall(p, q); err != nil {
		return ck.Code(err)
	}
	p.end()
	q.end()
	return rv
}
