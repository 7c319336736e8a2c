package slots_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// twinProfiles are the profile objects of a token: the same ones in all of them.
func twinProfiles() []*twinObject {
	var list []*twinObject
	for i, profile := range []struct {
		id    uint64
		label string
	}{
		{ck.CKP_BASELINE_PROVIDER, "Baseline Provider"},
		{ck.CKP_EXTENDED_PROVIDER, "Extended Provider"},
		{ck.CKP_AUTHENTICATION_TOKEN, "Authentication Token"},
		{ck.CKP_PUBLIC_CERTIFICATES_TOKEN, "Public Certificates Token"},
		{ck.CKP_HKDF_TLS_TOKEN, "HKDF TLS Token"},
	} {
		o := &twinObject{id: api.ObjectID{15: byte(i)}, attrs: ck.Template{
			ck.Ulong(ck.CKA_CLASS, ck.CKO_PROFILE),
			ck.Ulong(ck.CKA_PROFILE_ID, profile.id),
			ck.String(ck.CKA_LABEL, profile.label),
			ck.Bool(ck.CKA_TOKEN, true),
		}}
		list = append(list, o)
	}
	return list
}

// made counts the objects that are not built in.
func (p *twinPartition) made() int { return len(p.objects) - len(twinProfiles()) }

// builtIn reports whether the token itself has objects of the class, or nobody.
func builtIn(attrs ck.Template) bool {
	class, _ := attrs.Ulong(ck.CKA_CLASS)
	switch ck.ObjectClass(class) {
	case ck.CKO_PROFILE, ck.CKO_MECHANISM, ck.CKO_VALIDATION, ck.CKO_HW_FEATURE:
		return true
	}
	return false
}

func (p *twinPartition) CreateObject(who api.Caller, tmpl ck.Template) (api.ObjectID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if builtIn(tmpl) {
		return api.ObjectID{}, ck.CKR_ATTRIBUTE_VALUE_INVALID
	}
	return p.add(who, tmpl)
}

func (p *twinPartition) CopyObject(who api.Caller, id api.ObjectID, tmpl ck.Template) (api.ObjectID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, err := p.object(who, id)
	if err == nil && builtIn(o.attrs) {
		err = ck.CKR_ACTION_PROHIBITED
	}
	if err != nil {
		return id, err
	}
	return p.add(who, merge(o.attrs, tmpl))
}

// merge returns attrs with those of tmpl instead of its own.
func merge(attrs, tmpl ck.Template) ck.Template {
	out := slices.Clone(tmpl)
	for _, a := range attrs {
		if _, ok := tmpl.Find(a.Type); !ok {
			out = append(out, a)
		}
	}
	return out
}

// change is the look-up for calls that change an object.
func (p *twinPartition) change(who api.Caller, id api.ObjectID) (*twinObject, error) {
	o, err := p.object(who, id)
	if err == nil && o.session == 0 && !who.ReadWrite {
		return nil, ck.CKR_SESSION_READ_ONLY
	}
	if err == nil && builtIn(o.attrs) {
		return nil, ck.CKR_ACTION_PROHIBITED
	}
	return o, err
}

func (p *twinPartition) DestroyObject(who api.Caller, id api.ObjectID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, err := p.change(who, id)
	if err == nil {
		p.drop(func(x *twinObject) bool { return x == o })
	}
	return err
}

func (p *twinPartition) ObjectSize(who api.Caller, id api.ObjectID) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.object(who, id)
	return 100, err
}

func (p *twinPartition) Attributes(who api.Caller, id api.ObjectID, want []api.AttributeResult) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, err := p.object(who, id)
	if err != nil {
		return err
	}
	for i := range want {
		w := &want[i]
		a, ok := o.attrs.Find(w.Type)
		switch {
		case w.Type == ck.CKA_VALUE && o.flag(ck.CKA_SENSITIVE):
			w.RV = ck.CKR_ATTRIBUTE_SENSITIVE
		case !ok:
			w.RV = ck.CKR_ATTRIBUTE_TYPE_INVALID
		default:
			w.Value, w.RV = a.Value, ck.CKR_OK
		}
	}
	return nil
}

func (p *twinPartition) SetAttributes(who api.Caller, id api.ObjectID, tmpl ck.Template) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, err := p.change(who, id)
	if err == nil {
		o.attrs = merge(o.attrs, tmpl)
	}
	return err
}

func (p *twinPartition) AppendFound(ids []api.ObjectID, who api.Caller, tmpl ck.Template) ([]api.ObjectID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.objects {
		if p.sees(who, o) && o.fits(tmpl) {
			ids = append(ids, o.id)
		}
	}
	return ids, nil
}

func (p *twinPartition) Exists(who api.Caller, id api.ObjectID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.object(who, id)
	return err == nil
}

func (p *twinPartition) GenerateKey(who api.Caller, m *ck.Mechanism, tmpl ck.Template) (api.ObjectID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, ok := tmpl.Ulong(ck.CKA_VALUE_LEN)
	switch {
	case m.Type != ck.CKM_AES_KEY_GEN:
		return api.ObjectID{}, ck.CKR_MECHANISM_INVALID
	case !ok:
		return api.ObjectID{}, ck.CKR_TEMPLATE_INCOMPLETE
	}
	value := make([]byte, n)
	rand.Read(value)
	return p.add(who, merge(ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Bytes(ck.CKA_VALUE, value),
	}, tmpl))
}

func (p *twinPartition) GenerateKeyPair(who api.Caller, m *ck.Mechanism, public, private ck.Template) (pub, priv api.ObjectID, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.Type != ck.CKM_RSA_PKCS_KEY_PAIR_GEN && m.Type != ck.CKM_ML_KEM_KEY_PAIR_GEN {
		return pub, priv, ck.CKR_MECHANISM_INVALID
	}
	if pub, err = p.add(who, merge(ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_PUBLIC_KEY)}, public)); err != nil {
		return pub, priv, err
	}
	priv, err = p.add(who, merge(ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_PRIVATE_KEY)}, private))
	return pub, priv, err
}

// wrapHeader makes what the twin wraps as long as AES key wrap makes it.
const wrapHeader = 8

func (p *twinPartition) WrapKey(who api.Caller, m *ck.Mechanism, wrapping, key api.ObjectID, dst []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.object(who, wrapping); err != nil {
		return 0, err
	}
	o, err := p.object(who, key)
	if err != nil {
		return 0, err
	}
	return put(dst, append(make([]byte, wrapHeader), o.value(ck.CKA_VALUE)...))
}

func (p *twinPartition) UnwrapKey(who api.Caller, m *ck.Mechanism, unwrapping api.ObjectID, wrapped []byte, tmpl ck.Template) (api.ObjectID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch _, err := p.object(who, unwrapping); {
	case err != nil:
		return api.ObjectID{}, err
	case len(wrapped) <= wrapHeader:
		return api.ObjectID{}, ck.CKR_WRAPPED_KEY_LEN_RANGE
	}
	return p.add(who, merge(ck.Template{ck.Bytes(ck.CKA_VALUE, wrapped[wrapHeader:])}, tmpl))
}

// twinGCM seals under a key of the twin, with the parameter of a message.
func (p *twinPartition) twinGCM(who api.Caller, m *ck.Mechanism, key api.ObjectID) (cipher.AEAD, *ck.MessageParams, error) {
	params, ok := m.Param.(*ck.MessageParams)
	if !ok {
		return nil, nil, ck.CKR_MECHANISM_INVALID
	}
	o, err := p.object(who, key)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(o.value(ck.CKA_VALUE))
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	return aead, params, err
}

func (p *twinPartition) WrapKeyAuthenticated(who api.Caller, m *ck.Mechanism, wrapping, key api.ObjectID, aad, dst []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, err := p.object(who, key)
	if err != nil {
		return 0, err
	}
	aead, params, err := p.twinGCM(who, m, wrapping)
	if err != nil {
		return 0, err
	}
	if params.Generator == ck.CKG_GENERATE && dst != nil {
		rand.Read(params.Nonce)
	}
	value := o.value(ck.CKA_VALUE)
	sealed := aead.Seal(nil, params.Nonce, value, aad)
	copy(params.Tag, sealed[len(value):])
	return put(dst, sealed[:len(value)])
}

func (p *twinPartition) UnwrapKeyAuthenticated(who api.Caller, m *ck.Mechanism, unwrapping api.ObjectID, wrapped, aad []byte, tmpl ck.Template) (api.ObjectID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	aead, params, err := p.twinGCM(who, m, unwrapping)
	if err != nil {
		return api.ObjectID{}, err
	}
	value, err := aead.Open(nil, params.Nonce, slices.Concat(wrapped, params.Tag), aad)
	if err != nil {
		return api.ObjectID{}, ck.CKR_WRAPPED_KEY_INVALID
	}
	return p.add(who, merge(ck.Template{ck.Bytes(ck.CKA_VALUE, value)}, tmpl))
}

func (p *twinPartition) DeriveKey(who api.Caller, _ *ck.Mechanism, base api.ObjectID, _ ck.Template) (api.ObjectID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.object(who, base); err != nil {
		return base, err
	}
	return base, ck.CKR_MECHANISM_INVALID
}
