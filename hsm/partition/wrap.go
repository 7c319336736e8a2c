package partition

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/service"
)

// The two ways of a mechanism to wrap and unwrap: without further data, and with.
type (
	wrapFunc   = func(k *service.Key, m *ck.Mechanism, dst, plain []byte) (int, error)
	unwrapFunc = func(k *service.Key, m *ck.Mechanism, wrapped []byte) (*secret.Bytes, error)
)

func pickWrap(m *service.Mechanism) wrapFunc     { return m.Wrap }
func pickUnwrap(m *service.Mechanism) unwrapFunc { return m.Unwrap }

// WrapKeyAuthenticated is C_WrapKeyAuthenticated.
func (p *Partition) WrapKeyAuthenticated(who api.Caller, m *ck.Mechanism, wrapping, key api.ObjectID, aad, dst []byte) (int, error) {
	return p.wrapKey(who, m, wrapping, key, dst, func(mechanism *service.Mechanism) wrapFunc {
		if mechanism.WrapAuthenticated == nil {
			return nil
		}
		return func(k *service.Key, m *ck.Mechanism, dst, plain []byte) (int, error) {
			return mechanism.WrapAuthenticated(k, m, aad, dst, plain)
		}
	})
}

// UnwrapKeyAuthenticated is C_UnwrapKeyAuthenticated.
func (p *Partition) UnwrapKeyAuthenticated(who api.Caller, m *ck.Mechanism, unwrapping api.ObjectID, wrapped, aad []byte, tmpl ck.Template) (api.ObjectID, error) {
	return p.unwrapKey(who, m, unwrapping, wrapped, tmpl, func(mechanism *service.Mechanism) unwrapFunc {
		if mechanism.UnwrapAuthenticated == nil {
			return nil
		}
		return func(k *service.Key, m *ck.Mechanism, wrapped []byte) (*secret.Bytes, error) {
			return mechanism.UnwrapAuthenticated(k, m, aad, wrapped)
		}
	})
}
