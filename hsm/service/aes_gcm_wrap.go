package service

import (
	"crypto/rand"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Wrapping by AES-GCM where the token makes the IV (section 6.13.3): C_WrapKey
// with CK_GCM_WRAP_PARAMS, and C_WrapKeyAuthenticated.

// minRandomBits is the least that is left to chance in an IV that is made at random
// (NIST SP 800-38D, section 8.2.2).
const minRandomBits = 96

// generateIV makes what is not fixed of iv, which is bytes of it from the left. A
// wrapping has no state between two calls in which a counter could be kept, so
// the generators that count are refused: they would give each key the same IV.
func generateIV(iv []byte, fixedBits, generator uint64) error {
	switch generator {
	case ck.CKG_NO_GENERATE:
		return nil
	case ck.CKG_GENERATE, ck.CKG_GENERATE_RANDOM:
	default:
		return ck.CKR_MECHANISM_PARAM_INVALID
	}
	size := 8 * uint64(len(iv))
	if fixedBits%8 != 0 || fixedBits > size || size-fixedBits < minRandomBits {
		return ck.CKR_MECHANISM_PARAM_INVALID
	}
	rand.Read(iv[fixedBits/8:])
	return nil
}

type (
	wrapFunc   = func(k *Key, m *ck.Mechanism, dst, plain []byte) (int, error)
	unwrapFunc = func(k *Key, m *ck.Mechanism, wrapped []byte) (*secret.Bytes, error)
)

// generatingIV is wrap, which takes CK_GCM_PARAMS, with CK_GCM_WRAP_PARAMS too.
func generatingIV(wrap wrapFunc) wrapFunc {
	return func(k *Key, m *ck.Mechanism, dst, plain []byte) (int, error) {
		p, ok := m.Param.(*ck.GCMWrapParams)
		if !ok {
			return wrap(k, m, dst, plain)
		}
		made := p.GCMParams
		made.IV = slices.Clone(p.IV)
		if err := generateIV(made.IV, p.FixedBits, p.Generator); err != nil {
			return 0, err
		}
		n, err := wrap(k, &ck.Mechanism{Type: m.Type, Param: &made}, dst, plain)
		if err == nil && dst != nil {
			copy(p.IV, made.IV)
		}
		return n, err
	}
}

// ignoringIVRule is unwrap with CK_GCM_WRAP_PARAMS too, which says nothing about
// the IV that unwrapping has to know.
func ignoringIVRule(unwrap unwrapFunc) unwrapFunc {
	return func(k *Key, m *ck.Mechanism, wrapped []byte) (*secret.Bytes, error) {
		if p, ok := m.Param.(*ck.GCMWrapParams); ok {
			m = &ck.Mechanism{Type: m.Type, Param: &p.GCMParams}
		}
		return unwrap(k, m, wrapped)
	}
}

// wrapGCM is wrapping with the tag apart.
func wrapGCM(k *Key, m *ck.Mechanism, aad, dst, plain []byte) (int, error) {
	p, ok := m.Param.(*ck.GCMMessageParams)
	if !ok {
		return 0, ck.CKR_MECHANISM_PARAM_INVALID
	}
	key, err := k.aes()
	if err != nil {
		return 0, err
	}
	aead, err := key.aead(len(p.IV), 8*uint64(len(p.Tag)))
	if err != nil {
		return 0, err
	}
	if n, done, err := fits(dst, len(plain)); done {
		return n, err
	}
	iv := slices.Clone(p.IV)
	if err := generateIV(iv, p.FixedBits, p.Generator); err != nil {
		return 0, err
	}
	sealed := aead.Seal(nil, iv, plain, aad)
	copy(p.IV, iv)
	copy(p.Tag, sealed[len(plain):])
	return copy(dst, sealed[:len(plain)]), nil
}

func unwrapGCM(k *Key, m *ck.Mechanism, aad, wrapped []byte) (*secret.Bytes, error) {
	p, ok := m.Param.(*ck.GCMMessageParams)
	if !ok {
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	key, err := k.aes()
	if err != nil {
		return nil, err
	}
	aead, err := key.aead(len(p.IV), 8*uint64(len(p.Tag)))
	if err != nil {
		return nil, err
	}
	sealed := slices.Concat(wrapped, p.Tag)
	plain, err := aead.Open(sealed[:0], p.IV, sealed, aad)
	if err != nil {
		return nil, ck.CKR_WRAPPED_KEY_INVALID
	}
	return secret.From(plain), nil
}
