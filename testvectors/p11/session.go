package p11

import (
	"errors"

	"github.com/miekg/pkcs11"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Key is a session object.
type Key = pkcs11.ObjectHandle

// Session is a session for operations, and one that its keys belong to. It is for
// one goroutine.
type Session struct {
	token  *Token
	ctx    *pkcs11.Ctx
	keys   pkcs11.SessionHandle
	handle pkcs11.SessionHandle
}

// Session opens a session.
func (t *Token) Session() (*Session, error) {
	keys, err := t.session()
	if err != nil {
		return nil, err
	}
	h, err := t.session()
	if err != nil {
		return nil, err
	}
	return &Session{t, t.ctx, keys, h}, nil
}

// Close closes the session, and its keys with it.
func (s *Session) Close() error {
	return errors.Join(code(s.ctx.CloseSession(s.handle)), code(s.ctx.CloseSession(s.keys)))
}

// Renew ends whatever operation may be under way. The keys stay.
func (s *Session) Renew() error {
	if err := s.ctx.CloseSession(s.handle); err != nil {
		return code(err)
	}
	var err error
	s.handle, err = s.token.session()
	return err
}

// Import makes a key of a template.
func (s *Session) Import(template Template) (Key, error) {
	k, err := s.ctx.CreateObject(s.keys, template)
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

// operation is the functions of one kind of operation, as the binding has them.
type operation struct {
	init   func(pkcs11.SessionHandle, []*pkcs11.Mechanism, pkcs11.ObjectHandle) error
	whole  func(pkcs11.SessionHandle, []byte) ([]byte, error)
	update func(pkcs11.SessionHandle, []byte) ([]byte, error)
	final  func(pkcs11.SessionHandle) ([]byte, error)
}

// quiet makes the update function of one without output.
func quiet(update func(pkcs11.SessionHandle, []byte) error) func(pkcs11.SessionHandle, []byte) ([]byte, error) {
	return func(h pkcs11.SessionHandle, data []byte) ([]byte, error) { return nil, update(h, data) }
}

// run puts data through an operation: at once if parts is empty, else in parts
// of these sizes, over and over.
func (s *Session) run(o operation, m Mechanism, k Key, data []byte, parts []int) ([]byte, error) {
	defer m.free()
	if err := o.init(s.handle, m.binding(), k); err != nil {
		return nil, code(err)
	}
	if len(parts) == 0 {
		out, err := o.whole(s.handle, data)
		return out, code(err)
	}
	out := []byte{}
	for i := 0; len(data) > 0; i++ {
		n := min(parts[i%len(parts)], len(data))
		more, err := o.update(s.handle, data[:n])
		if err != nil {
			return nil, code(err)
		}
		out, data = append(out, more...), data[n:]
	}
	more, err := o.final(s.handle)
	if err != nil {
		return nil, code(err)
	}
	return append(out, more...), nil
}

// feed puts data through an operation n times, each time what next makes of the output
// before, and returns the last output.
func (s *Session) feed(o operation, m Mechanism, k Key, data []byte, n int, next func(out []byte) []byte) (out []byte, err error) {
	defer m.free()
	if err := o.init(s.handle, m.binding(), k); err != nil {
		return nil, code(err)
	}
	for range n {
		if out, err = o.update(s.handle, data); err != nil {
			return nil, code(err)
		}
		data = next(out)
	}
	_, err = o.final(s.handle)
	return out, code(err)
}

// EncryptOn encrypts a block n times in one operation, see feed.
func (s *Session) EncryptOn(m Mechanism, k Key, block []byte, n int, next func(out []byte) []byte) ([]byte, error) {
	return s.feed(s.encrypt(), m, k, block, n, next)
}

// DecryptOn decrypts a block n times in one operation, see feed.
func (s *Session) DecryptOn(m Mechanism, k Key, block []byte, n int, next func(out []byte) []byte) ([]byte, error) {
	return s.feed(s.decrypt(), m, k, block, n, next)
}

func (s *Session) encrypt() operation {
	c := s.ctx
	return operation{c.EncryptInit, c.Encrypt, c.EncryptUpdate, c.EncryptFinal}
}

func (s *Session) decrypt() operation {
	c := s.ctx
	return operation{c.DecryptInit, c.Decrypt, c.DecryptUpdate, c.DecryptFinal}
}

// Encrypt encrypts data. parts are the sizes of the parts it is handed over in,
// none for one call.
func (s *Session) Encrypt(m Mechanism, k Key, data []byte, parts ...int) ([]byte, error) {
	return s.run(s.encrypt(), m, k, data, parts)
}

// Decrypt decrypts data; see Encrypt for parts.
func (s *Session) Decrypt(m Mechanism, k Key, data []byte, parts ...int) ([]byte, error) {
	return s.run(s.decrypt(), m, k, data, parts)
}

// Sign signs data, or computes its MAC; see Encrypt for parts.
func (s *Session) Sign(m Mechanism, k Key, data []byte, parts ...int) ([]byte, error) {
	c := s.ctx
	return s.run(operation{c.SignInit, c.Sign, quiet(c.SignUpdate), c.SignFinal}, m, k, data, parts)
}

// Verify checks a signature or a MAC over data; see Encrypt for parts.
func (s *Session) Verify(m Mechanism, k Key, data, signature []byte, parts ...int) error {
	whole := func(h pkcs11.SessionHandle, b []byte) ([]byte, error) { return nil, s.ctx.Verify(h, b, signature) }
	final := func(h pkcs11.SessionHandle) ([]byte, error) { return nil, s.ctx.VerifyFinal(h, signature) }
	_, err := s.run(operation{s.ctx.VerifyInit, whole, quiet(s.ctx.VerifyUpdate), final}, m, k, data, parts)
	return err
}

// Digest hashes data; see Encrypt for parts.
func (s *Session) Digest(m Mechanism, data []byte, parts ...int) ([]byte, error) {
	c := s.ctx
	init := func(h pkcs11.SessionHandle, m []*pkcs11.Mechanism, _ pkcs11.ObjectHandle) error {
		return c.DigestInit(h, m)
	}
	return s.run(operation{init, c.Digest, quiet(c.DigestUpdate), c.DigestFinal}, m, 0, data, parts)
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
