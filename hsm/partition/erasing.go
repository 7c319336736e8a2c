package partition

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Erasing is a Partition whose calls leave nothing of a key on the stack or the heap
// (secret.Do): those that make, open or hand out keys. The operations with keys
// see to it themselves, in hsm/service, where it is needed, and so does a login, which
// may have a hundred thousand objects to open.
type Erasing struct{ *Partition }

// Logout is Partition's, and erases what the collector would erase later.
func (p Erasing) Logout(id api.Identity) error {
	err := p.Partition.Logout(id)
	secret.Collect()
	return err
}

func (p Erasing) CreateObject(who api.Caller, tmpl ck.Template) (id api.ObjectID, err error) {
	secret.Do(func() { id, err = p.Partition.CreateObject(who, tmpl) })
	return id, err
}

func (p Erasing) CopyObject(who api.Caller, from api.ObjectID, tmpl ck.Template) (id api.ObjectID, err error) {
	secret.Do(func() { id, err = p.Partition.CopyObject(who, from, tmpl) })
	return id, err
}

func (p Erasing) SetAttributes(who api.Caller, id api.ObjectID, tmpl ck.Template) (err error) {
	secret.Do(func() { err = p.Partition.SetAttributes(who, id, tmpl) })
	return err
}

func (p Erasing) GenerateKey(who api.Caller, m *ck.Mechanism, tmpl ck.Template) (id api.ObjectID, err error) {
	secret.Do(func() { id, err = p.Partition.GenerateKey(who, m, tmpl) })
	return id, err
}

func (p Erasing) GenerateKeyPair(who api.Caller, m *ck.Mechanism, public, private ck.Template) (pub, priv api.ObjectID, err error) {
	secret.Do(func() { pub, priv, err = p.Partition.GenerateKeyPair(who, m, public, private) })
	return pub, priv, err
}

func (p Erasing) WrapKey(who api.Caller, m *ck.Mechanism, wrapping, key api.ObjectID, dst []byte) (n int, err error) {
	secret.Do(func() { n, err = p.Partition.WrapKey(who, m, wrapping, key, dst) })
	return n, err
}

func (p Erasing) WrapKeyAuthenticated(who api.Caller, m *ck.Mechanism, wrapping, key api.ObjectID, aad, dst []byte) (n int, err error) {
	secret.Do(func() { n, err = p.Partition.WrapKeyAuthenticated(who, m, wrapping, key, aad, dst) })
	return n, err
}

func (p Erasing) UnwrapKey(who api.Caller, m *ck.Mechanism, unwrapping api.ObjectID, wrapped []byte, tmpl ck.Template) (id api.ObjectID, err error) {
	secret.Do(func() { id, err = p.Partition.UnwrapKey(who, m, unwrapping, wrapped, tmpl) })
	return id, err
}

func (p Erasing) UnwrapKeyAuthenticated(who api.Caller, m *ck.Mechanism, unwrapping api.ObjectID, wrapped, aad []byte, tmpl ck.Template) (id api.ObjectID, err error) {
	secret.Do(func() { id, err = p.Partition.UnwrapKeyAuthenticated(who, m, unwrapping, wrapped, aad, tmpl) })
	return id, err
}

func (p Erasing) DeriveKey(who api.Caller, m *ck.Mechanism, base api.ObjectID, tmpl ck.Template) (id api.ObjectID, err error) {
	secret.Do(func() { id, err = p.Partition.DeriveKey(who, m, base, tmpl) })
	return id, err
}

func (p Erasing) EncapsulateKey(who api.Caller, m *ck.Mechanism, public api.ObjectID, tmpl ck.Template, dst []byte) (n int, id api.ObjectID, err error) {
	secret.Do(func() { n, id, err = p.Partition.EncapsulateKey(who, m, public, tmpl, dst) })
	return n, id, err
}

func (p Erasing) DecapsulateKey(who api.Caller, m *ck.Mechanism, private api.ObjectID, tmpl ck.Template, ciphertext []byte) (id api.ObjectID, err error) {
	secret.Do(func() { id, err = p.Partition.DecapsulateKey(who, m, private, tmpl, ciphertext) })
	return id, err
}
