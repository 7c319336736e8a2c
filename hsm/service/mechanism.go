// Package service is what keys can do: a registry of mechanisms, each one
// registration. A mechanism is a struct of functions; those it leaves nil it
// refuses, so an operation exists only where somebody wrote it. What
// C_GetMechanismList and C_GetMechanismInfo tell is computed from the registry.
//
// Mechanisms know keys and bytes. They know no session, no store and no
// permission: hsm/partition checks CKA_SIGN and its like before it calls them.
package service

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Mechanism is one registration.
type Mechanism struct {
	Type     ck.MechanismType
	Min, Max uint64       // key sizes, in the standard's unit for this mechanism
	Extra    ck.Flags     // flags that no function below implies, such as CKF_EC_F_P
	Param    ck.ParamKind // the parameter it takes
	KeyTypes []ck.KeyType // the key types it works with or makes; none for digests

	// The operations. Each may rely on: the key's type is one of KeyTypes, its
	// class fits the operation, the parameter is of the kind Param (a needed one
	// is there). Each checks the rest of the parameter
	// (CKR_MECHANISM_PARAM_INVALID) and the key's size (CKR_KEY_SIZE_RANGE).
	Encrypt, Decrypt           func(*Key, *ck.Mechanism) (api.Cipher, error)
	SignRecover, VerifyRecover func(*Key, *ck.Mechanism) (api.Cipher, error)
	Sign                       func(*Key, *ck.Mechanism) (api.Signer, error)
	Verify                     func(*Key, *ck.Mechanism) (api.Verifier, error)
	Digest                     func(*ck.Mechanism) (api.Digester, error)
	// Sum is Digest, and OneShot of what it makes, without making it. Not every digest
	// has it.
	Sum *api.Sum
	// MessageEncrypt and MessageDecrypt may not rely on a parameter: it is nil or
	// that of a message, which comes again with each.
	MessageEncrypt, MessageDecrypt func(*Key, *ck.Mechanism) (api.MessageCipher, error)

	// GenerateKey returns what was computed: CKA_CLASS, CKA_KEY_TYPE, CKA_VALUE
	// and all that follows from it. The caller wipes it with WipeTemplate.
	GenerateKey func(m *ck.Mechanism, tmpl ck.Template) (ck.Template, error)
	// GenerateKeyPair does so for both halves.
	GenerateKeyPair func(m *ck.Mechanism, public, private ck.Template) (pub, priv ck.Template, err error)

	// Wrap encrypts plain, the encoding of a key, into dst (the contract of
	// package api). Unwrap undoes it.
	Wrap   func(k *Key, m *ck.Mechanism, dst, plain []byte) (int, error)
	Unwrap func(k *Key, m *ck.Mechanism, wrapped []byte) (*secret.Bytes, error)
	// WrapAuthenticated and UnwrapAuthenticated do so with data that is bound to
	// the key but not part of it. Their parameter is that of a message.
	WrapAuthenticated   func(k *Key, m *ck.Mechanism, aad, dst, plain []byte) (int, error)
	UnwrapAuthenticated func(k *Key, m *ck.Mechanism, aad, wrapped []byte) (*secret.Bytes, error)
	// Fills says that Wrap fills up the last block with zeros, which Unwrap
	// returns along with the key.
	Fills bool
	// Leads says the same of zeros in front, as many as the modulus has room for
	// (CKM_RSA_X_509): the key is the last CKA_VALUE_LEN bytes.
	Leads bool
	// Derive computes n bytes of a secret key, or as many as there are if n is 0.
	// Asked for more than it has, it answers CKR_KEY_SIZE_RANGE.
	Derive func(k *Key, m *ck.Mechanism, n int) (*secret.Bytes, error)
	// DerivesData says that Derive computes the value of a data object, not of a key.
	DerivesData bool
	// Encapsulate makes a secret of n bytes, or as many as there are if n is 0, and
	// writes to dst what Decapsulate makes the same secret of (the contract of package
	// api; the secret is nil unless dst was written).
	Encapsulate func(k *Key, m *ck.Mechanism, n int, dst []byte) (int, *secret.Bytes, error)
	// Decapsulate answers CKR_WRAPPED_KEY_LEN_RANGE and CKR_WRAPPED_KEY_INVALID to what
	// cannot be a ciphertext.
	Decapsulate func(k *Key, m *ck.Mechanism, n int, ciphertext []byte) (*secret.Bytes, error)

	info api.MechanismInfo // filled in by register
}
