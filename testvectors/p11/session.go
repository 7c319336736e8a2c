package p11

import (
	"errors"

	"github.com/miekg/pkcs11"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Key is a session object.
type Key = pkcs11.ObjectHandle

// Session is a session with its keys. It is for one goroutine.
type Session struct {
	token  *Token
	ctx    *pkcs11.Ctx
	handle pkcs11.SessionHandle
}

// Session opens a session.
func (t *Token) Session() (*Session, error) {
	h, err := t.session()
	if err != nil {
		return nil, err
	}
	return &Session{t, t.ctx, h}, nil
}

// Close closes the session, and its keys with it.
func (s *Session) Close() error { return code(s.ctx.CloseSession(s.handle)) }

// Import makes a key of a template.
func (s *Session) Import(template Template) (Key, error) {
	k, err := s.ctx.CreateObject(s.handle, template)
	return k, code(err)
}

// Destroy removes a key.
func (s *Session) Destroy(k Key) error { return code(s.ctx.DestroyObject(s.handle, k)) }

// Attribute reads one attribute.
func (s *Session) Attribute(k Key, t ck.AttributeType) ([]byte, error) {
	attributes, err := s.ctx.GetAttributeValue(s.handle, k, []*pkcs11.Attribute{pkcs11.NewAttribute(uint(t), nil)})
	if err != nil {
		return nil, code(err)
	}
	return attributes[0].Value, nil
}

// functions are those of one operation, as the binding has them.
type functions struct {
	whole  func([]byte) ([]byte, error)
	update func([]byte) ([]byte, error)
	final  func() ([]byte, error)
}

// run puts data through an operation that init starts: at once if parts is
// empty, else in parts of these sizes, over and over.
func (f functions) run(parts []int, data []byte) ([]byte, error) {
	if len(parts) == 0 {
		out, err := f.whole(data)
		return out, code(err)
	}
	out := []byte{}
	for i := 0; len(data) > 0; i++ {
		n := min(parts[i%len(parts)], len(data))
		more, err := f.update(data[:n])
		if err != nil {
			return nil, code(err)
		}
		out, data = append(out, more...), data[n:]
	}
	more, err := f.final()
	if err != nil {
		return nil, code(err)
	}
	return append(out, more...), nil
}

// quiet makes an update function of one without output.
func quiet(update func(pkcs11.SessionHandle, []byte) error, h pkcs11.SessionHandle) func([]byte) ([]byte, error) {
	return func(data []byte) ([]byte, error) { return nil, update(h, data) }
}

// Encrypt encrypts data. parts are the sizes of the parts it is handed over in,
// none for one call.
func (s *Session) Encrypt(m Mechanism, k Key, data []byte, parts ...int) ([]byte, error) {
	defer m.free()
	if err := s.ctx.EncryptInit(s.handle, m.binding(), k); err != nil {
		return nil, code(err)
	}
	return functions{
		func(b []byte) ([]byte, error) { return s.ctx.Encrypt(s.handle, b) },
		func(b []byte) ([]byte, error) { return s.ctx.EncryptUpdate(s.handle, b) },
		func() ([]byte, error) { return s.ctx.EncryptFinal(s.handle) },
	}.run(parts, data)
}

// Decrypt decrypts data; see Encrypt for parts.
func (s *Session) Decrypt(m Mechanism, k Key, data []byte, parts ...int) ([]byte, error) {
	defer m.free()
	if err := s.ctx.DecryptInit(s.handle, m.binding(), k); err != nil {
		return nil, code(err)
	}
	return functions{
		func(b []byte) ([]byte, error) { return s.ctx.Decrypt(s.handle, b) },
		func(b []byte) ([]byte, error) { return s.ctx.DecryptUpdate(s.handle, b) },
		func() ([]byte, error) { return s.ctx.DecryptFinal(s.handle) },
	}.run(parts, data)
}

// Sign signs data, or computes its MAC; see Encrypt for parts.
func (s *Session) Sign(m Mechanism, k Key, data []byte, parts ...int) ([]byte, error) {
	defer m.free()
	if err := s.ctx.SignInit(s.handle, m.binding(), k); err != nil {
		return nil, code(err)
	}
	return functions{
		func(b []byte) ([]byte, error) { return s.ctx.Sign(s.handle, b) },
		quiet(s.ctx.SignUpdate, s.handle),
		func() ([]byte, error) { return s.ctx.SignFinal(s.handle) },
	}.run(parts, data)
}

// Verify checks a signature or a MAC over data; see Encrypt for parts.
func (s *Session) Verify(m Mechanism, k Key, data, signature []byte, parts ...int) error {
	defer m.free()
	if err := s.ctx.VerifyInit(s.handle, m.binding(), k); err != nil {
		return code(err)
	}
	_, err := functions{
		func(b []byte) ([]byte, error) { return nil, s.ctx.Verify(s.handle, b, signature) },
		quiet(s.ctx.VerifyUpdate, s.handle),
		func() ([]byte, error) { return nil, s.ctx.VerifyFinal(s.handle, signature) },
	}.run(parts, data)
	return err
}

// Digest hashes data; see Encrypt for parts.
func (s *Session) Digest(m Mechanism, data []byte, parts ...int) ([]byte, error) {
	if err := s.ctx.DigestInit(s.handle, m.binding()); err != nil {
		return nil, code(err)
	}
	return functions{
		func(b []byte) ([]byte, error) { return s.ctx.Digest(s.handle, b) },
		quiet(s.ctx.DigestUpdate, s.handle),
		func() ([]byte, error) { return s.ctx.DigestFinal(s.handle) },
	}.run(parts, data)
}

// Wrap wraps a secret of these bytes, which is imported for it.
func (s *Session) Wrap(m Mechanism, k Key, secret []byte) ([]byte, error) {
	defer m.free()
	inner, err := s.Import(Secret(ck.CKK_GENERIC_SECRET, secret))
	if err != nil {
		return nil, err
	}
	wrapped, err := s.ctx.WrapKey(s.handle, m.binding(), k, inner)
	return wrapped, errors.Join(code(err), s.Destroy(inner))
}

// Unwrap unwraps a generic secret and reads its value.
func (s *Session) Unwrap(m Mechanism, k Key, wrapped []byte) ([]byte, error) {
	defer m.free()
	inner, err := s.ctx.UnwrapKey(s.handle, m.binding(), k, wrapped, secretTemplate(ck.CKK_GENERIC_SECRET))
	if err != nil {
		return nil, code(err)
	}
	return s.take(inner)
}

// Derive derives a generic secret of n bytes and reads its value.
func (s *Session) Derive(m Mechanism, k Key, n int) ([]byte, error) {
	defer m.free()
	template := append(secretTemplate(ck.CKK_GENERIC_SECRET), pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, n))
	inner, err := s.ctx.DeriveKey(s.handle, m.binding(), k, template)
	if err != nil {
		return nil, code(err)
	}
	return s.take(inner)
}

// take reads the value of a key and removes it.
func (s *Session) take(k Key) ([]byte, error) {
	value, err := s.Attribute(k, ck.CKA_VALUE)
	return value, errors.Join(err, s.Destroy(k))
}
