package service

import (
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// parsedKey is what the parsers of asymmetric keys return.
type parsedKey interface {
	// attributes is all that follows from the key, in our own encodings: class, key
	// type, the key itself and CKA_PUBLIC_KEY_INFO. Nothing in it is shared.
	attributes() ck.Template
}

// Complete checks a key that comes from outside (C_CreateObject, C_UnwrapKey,
// C_DeriveKey) and returns what follows from it: the key in the encodings of this
// module, missing parts of a private key computed, and the attributes that the
// standard has the token supply. It wins over the template. The caller wipes it
// with object.WipeTemplate, but for the value of a secret key, which is not copied: it
// is wiped by whom it belongs to.
//
// tmpl need not have CKA_CLASS and CKA_KEY_TYPE. The answers are
// CKR_TEMPLATE_INCOMPLETE, CKR_ATTRIBUTE_VALUE_INVALID, CKR_CURVE_NOT_SUPPORTED,
// CKR_DOMAIN_PARAMS_INVALID and CKR_PARAMETER_SET_NOT_SUPPORTED. Objects that are no keys need no completion: nil.
func Complete(class ck.ObjectClass, kt ck.KeyType, tmpl ck.Template) (ck.Template, error) {
	return new(Room).Complete(class, kt, tmpl)
}

// Complete is the function of that name, into r, which is zero, as far as r goes.
func (r *Room) Complete(class ck.ObjectClass, kt ck.KeyType, tmpl ck.Template) (ck.Template, error) {
	switch class {
	case ck.CKO_SECRET_KEY:
		value, _ := tmpl.Find(ck.CKA_VALUE)
		return r.complete(kt, value.Value)
	case ck.CKO_PUBLIC_KEY, ck.CKO_PRIVATE_KEY:
		return completePair(form{class, kt}, tmpl)
	case ck.CKO_DOMAIN_PARAMETERS:
		return completeDomain(kt, tmpl)
	}
	return nil, nil
}

// completeDomain completes domain parameters, of which there are curves.
func completeDomain(kt ck.KeyType, tmpl ck.Template) (ck.Template, error) {
	if !slices.ContainsFunc(curves, func(c *curve) bool { return c.kt == kt }) {
		return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "no domain parameters of type %v", kt)
	}
	keyType := ck.AppendUlong(nil, uint64(kt))
	given := sourceOf(tmpl)
	c, err := curveOf(func(t ck.AttributeType) []byte {
		if t == ck.CKA_KEY_TYPE {
			return keyType
		}
		return given(t)
	})
	if err != nil {
		return nil, err
	}
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_DOMAIN_PARAMETERS),
		ck.Ulong(ck.CKA_KEY_TYPE, kt),
		ck.Bytes(ck.CKA_EC_PARAMS, c.params()),
	}, nil
}

// completePair completes one half of a key pair.
func completePair(f form, tmpl ck.Template) (ck.Template, error) {
	parse := parsers[f]
	if parse == nil {
		return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "no keys of type %v", f.kt)
	}
	keyType := ck.AppendUlong(nil, uint64(f.kt))
	given := sourceOf(tmpl)
	parsed, err := parse(func(t ck.AttributeType) []byte {
		if t == ck.CKA_KEY_TYPE {
			return keyType
		}
		return given(t)
	})
	if err != nil {
		return nil, err
	}
	if z, ok := parsed.(interface{ zero() }); ok {
		defer z.zero()
	}
	if c, ok := parsed.(interface{ check() error }); ok {
		if err := c.check(); err != nil {
			return nil, err
		}
	}
	return parsed.(parsedKey).attributes(), nil
}
