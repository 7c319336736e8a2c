package object

import "github.com/coffer-hsm/coffer/hsm/ck"

// The rules of key encapsulation. That what is decapsulated is as sensitive as what is
// derived is among the rules of derived keys.

// soundEncapsulation are the mechanisms whose ciphertexts tell nothing, whatever is made
// of them and however often the private key is asked. RSA by itself, or with the padding
// of PKCS #1 v1.5, answers questions about the secret.
var soundEncapsulation = map[ck.MechanismType]bool{
	ck.CKM_ML_KEM:                true,
	ck.CKM_ECDH1_DERIVE:          true,
	ck.CKM_ECDH1_COFACTOR_DERIVE: true,
	ck.CKM_RSA_PKCS_OAEP:         true,
}

var decapsulateUse = usageBit(ck.CKA_DECAPSULATE)

// decapsulates reports whether o is a private key that cannot be read, and decapsulates.
func decapsulates(o *Object) bool {
	return o.class == ck.CKO_PRIVATE_KEY && !o.readable() && o.usage&decapsulateUse != 0
}

// encapsulatingPair: with a pair that was made here, nobody but the private half gets at
// what the public one encapsulates, and that as nothing but a key.
func encapsulatingPair(public, private *Object) (pub, priv *Object, err error) {
	if public.Permits(ck.CKA_ENCAPSULATE) && !private.readable() && private.usage != decapsulateUse {
		return nil, nil, forbid(ck.CKR_TEMPLATE_INCONSISTENT, "the private half of a public key that encapsulates decapsulates, and does nothing else")
	}
	return public, private, nil
}

func encapsulatingIsSound(base *Object, m *ck.Mechanism) error {
	if base.class == ck.CKO_PRIVATE_KEY && base.readable() || soundEncapsulation[m.Type] {
		return nil
	}
	return forbid(ck.CKR_MECHANISM_INVALID, "the mechanism does not protect what is encapsulated by it")
}

// decapsulatingIsAll: one that decrypts, or agrees upon secrets, makes of a ciphertext
// what the other side made of it, in the clear.
func decapsulatingIsAll(o *Object) error {
	if decapsulates(o) && o.usage != decapsulateUse {
		return forbid(ck.CKR_TEMPLATE_INCONSISTENT, "a private key that decapsulates is for nothing else")
	}
	return nil
}

// decapsulatingKeyStays: it would come back as one that decrypts or agrees upon secrets.
// The keys of ML-KEM can do nothing but decapsulate.
func decapsulatingKeyStays(o *Object) error {
	if decapsulates(o) && o.Bool(ck.CKA_EXTRACTABLE) && o.keyType != ck.CKK_ML_KEM {
		return forbid(ck.CKR_TEMPLATE_INCONSISTENT, "a private key that decapsulates is not extractable")
	}
	return nil
}
