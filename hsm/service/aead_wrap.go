package service

import (
	"crypto/cipher"
	"crypto/rand"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Wrapping by authenticated ciphers where the token makes the IV or nonce (sections
// 6.13.3 and 6.13.5): C_WrapKey with CK_GCM_WRAP_PARAMS and CK_CCM_WRAP_PARAMS, and
// C_WrapKeyAuthenticated.

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

// aeadWrapping is how an authenticated cipher wraps with such parameters.
type aeadWrapping struct {
	kind  ck.MessageKind
	keyOf func(*Key) (aeadKey, error)
	// plain makes of WrapParams, with the IV that was made, the parameter that Wrap and
	// Unwrap take else.
	plain func(p *ck.WrapParams, iv []byte) any
}

// in is m, which wraps, with them.
func (a aeadWrapping) in(m Mechanism) Mechanism {
	m.Wrap, m.Unwrap = a.generatingIV(m.Wrap), a.ignoringIVRule(m.Unwrap)
	m.WrapAuthenticated, m.UnwrapAuthenticated = a.wrap, a.unwrap
	return m
}

// generatingIV is wrap with WrapParams too.
func (a aeadWrapping) generatingIV(wrap wrapFunc) wrapFunc {
	return func(k *Key, m *ck.Mechanism, dst, plain []byte) (int, error) {
		p, ok := m.Param.(*ck.WrapParams)
		if !ok {
			return wrap(k, m, dst, plain)
		}
		iv := slices.Clone(p.Nonce)
		if err := generateIV(iv, p.FixedBits, p.Generator); err != nil {
			return 0, err
		}
		n, err := wrap(k, &ck.Mechanism{Type: m.Type, Param: a.plain(p, iv)}, dst, plain)
		if err == nil && dst != nil {
			copy(p.Nonce, iv)
		}
		return n, err
	}
}

// ignoringIVRule is unwrap with WrapParams too, which say nothing about the IV that
// unwrapping has to know.
func (a aeadWrapping) ignoringIVRule(unwrap unwrapFunc) unwrapFunc {
	return func(k *Key, m *ck.Mechanism, wrapped []byte) (*secret.Bytes, error) {
		if p, ok := m.Param.(*ck.WrapParams); ok {
			m = &ck.Mechanism{Type: m.Type, Param: a.plain(p, p.Nonce)}
		}
		return unwrap(k, m, wrapped)
	}
}

// start returns the cipher, and the parameter, which is that of a message with room for
// the tag.
func (a aeadWrapping) start(k *Key, m *ck.Mechanism) (aeadKey, cipher.AEAD, *ck.MessageParams, error) {
	p, ok := m.Param.(*ck.MessageParams)
	if !ok || p.Kind != a.kind {
		return nil, nil, nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	key, err := a.keyOf(k)
	if err != nil {
		return nil, nil, nil, err
	}
	aead, err := key.aead(len(p.Nonce), p.TagSize)
	if err != nil {
		return nil, nil, nil, err
	}
	return key, aead, p, checkTag(p)
}

// wrap is wrapping with the tag apart.
func (a aeadWrapping) wrap(k *Key, m *ck.Mechanism, aad, dst, plain []byte) (int, error) {
	key, aead, p, err := a.start(k, m)
	if err != nil {
		return 0, err
	}
	if uint64(len(plain)) > key.longest(len(p.Nonce)) {
		return 0, ck.CKR_KEY_SIZE_RANGE
	}
	if n, done, err := fits(dst, len(plain)); done {
		return n, err
	}
	iv := slices.Clone(p.Nonce)
	if err := generateIV(iv, p.FixedBits, p.Generator); err != nil {
		return 0, err
	}
	sealed := aead.Seal(nil, iv, plain, aad)
	copy(p.Nonce, iv)
	copy(p.Tag, sealed[len(plain):])
	return copy(dst, sealed[:len(plain)]), nil
}

func (a aeadWrapping) unwrap(k *Key, m *ck.Mechanism, aad, wrapped []byte) (*secret.Bytes, error) {
	_, aead, p, err := a.start(k, m)
	if err != nil {
		return nil, err
	}
	sealed := slices.Concat(wrapped, p.Tag)
	plain, err := aead.Open(sealed[:0], p.Nonce, sealed, aad)
	if err != nil {
		return nil, ck.CKR_WRAPPED_KEY_INVALID
	}
	return secret.From(plain), nil
}
