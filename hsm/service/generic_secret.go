package service

import (
	"crypto/rand"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// The length of secrets that are only byte strings, in bytes.
const (
	minSecret = 1
	maxSecret = 8192
)

func init() {
	generic := secretKeyGen(ck.CKM_GENERIC_SECRET_KEY_GEN, ck.CKK_GENERIC_SECRET)
	generic.Min, generic.Max = 8*minSecret, 8*maxSecret // in bits: section 6.9.2
	register(generic)
	for i := range hashes {
		h := &hashes[i]
		register(secretKeyGen(h.hmac.keyGen, h.hmac.keyType), hashDerivation(h))
	}
}

// secretKeyGen is the generation of byte strings as keys of one type.
func secretKeyGen(t ck.MechanismType, kt ck.KeyType) Mechanism {
	return Mechanism{
		Type: t, Min: minSecret, Max: maxSecret, KeyTypes: []ck.KeyType{kt},
		GenerateKey: func(_ *ck.Mechanism, tmpl ck.Template) (ck.Template, error) {
			return generateSecret(kt, tmpl, func(n uint64) bool { return n >= minSecret && n <= maxSecret })
		},
	}
}

// generateSecret makes a random key as long as CKA_VALUE_LEN says, if allowed.
func generateSecret(kt ck.KeyType, tmpl ck.Template, allowed func(n uint64) bool) (ck.Template, error) {
	if _, found := tmpl.Find(ck.CKA_VALUE_LEN); !found {
		return nil, ck.Errorf(ck.CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN is missing")
	}
	n, ok := tmpl.Ulong(ck.CKA_VALUE_LEN)
	if !ok || !allowed(n) {
		return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "CKA_VALUE_LEN is not one that %v has", kt)
	}
	value := make([]byte, n)
	if _, err := rand.Read(value); err != nil {
		return nil, ck.Errorf(ck.CKR_FUNCTION_FAILED, "random numbers: %w", err)
	}
	made, err := completeSecret(kt, value)
	if err != nil {
		clear(value)
	}
	return made, err
}

// hashDerivation is the key derivation by one hash (section 6.20.5 for SHA-1, and
// its like for the rest): the key is the start of the hash of the base key.
func hashDerivation(h *hashInfo) Mechanism {
	return Mechanism{
		Type: h.derive, Min: minSecret, Max: maxSecret,
		KeyTypes: []ck.KeyType{ck.CKK_GENERIC_SECRET, ck.CKK_AES, h.hmac.keyType},
		Derive: func(k *Key, _ *ck.Mechanism, n int) (*secret.Bytes, error) {
			d := h.new()
			defer d.Reset()
			d.Write(k.Value())
			return firstBytes(d.Sum(nil), n)
		},
	}
}

// firstBytes makes a derived key of the first n of what was computed, which it
// wipes; of n 0, all of it.
func firstBytes(computed []byte, n int) (*secret.Bytes, error) {
	defer clear(computed)
	if n < 0 || n > len(computed) {
		return nil, ck.CKR_KEY_SIZE_RANGE
	}
	if n == 0 {
		n = len(computed)
	}
	return secret.From(computed[:n]), nil
}
