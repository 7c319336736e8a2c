package service

import (
	stdmlkem "crypto/mlkem"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

func init() {
	gen := mlkemMechanism(ck.CKM_ML_KEM_KEY_PAIR_GEN)
	gen.GenerateKeyPair = generateMLKEM
	kem := mlkemMechanism(ck.CKM_ML_KEM)
	kem.Encapsulate, kem.Decapsulate = encapsulateMLKEM, decapsulateMLKEM
	register(gen, kem)
}

// mlkemMechanism is a row for a mechanism of ML-KEM; sizes are bytes of the public key.
func mlkemMechanism(t ck.MechanismType) Mechanism {
	return Mechanism{
		Type: t, KeyTypes: []ck.KeyType{ck.CKK_ML_KEM},
		Min: stdmlkem.EncapsulationKeySize768, Max: stdmlkem.EncapsulationKeySize1024,
	}
}

// encapsulateMLKEM is ML-KEM.Encaps (FIPS 203, section 7.2).
func encapsulateMLKEM(k *Key, _ *ck.Mechanism, n int, dst []byte) (int, *secret.Bytes, error) {
	pub, err := parsedAs[*mlkemPublicKey](k)
	if err != nil {
		return 0, nil, err
	}
	if err := wholeMLKEM(n); err != nil {
		return 0, nil, err
	}
	size, done, err := fits(dst, pub.set.cipherSize)
	if done {
		return size, nil, err
	}
	shared, ciphertext := pub.ek.Encapsulate()
	copy(dst, ciphertext)
	return size, secret.From(shared), nil
}

// decapsulateMLKEM is ML-KEM.Decaps (FIPS 203, section 7.3): a ciphertext that nobody
// has made for this key gives a secret that nobody knows, and no error.
func decapsulateMLKEM(k *Key, _ *ck.Mechanism, n int, ciphertext []byte) (*secret.Bytes, error) {
	priv, err := parsedAs[*mlkemPrivateKey](k)
	if err != nil {
		return nil, err
	}
	if err := wholeMLKEM(n); err != nil {
		return nil, err
	}
	if len(ciphertext) != priv.set.cipherSize {
		return nil, ck.CKR_WRAPPED_KEY_LEN_RANGE
	}
	shared, err := priv.using(priv.dk.Decapsulate)(ciphertext)
	if err != nil {
		return nil, err
	}
	return secret.From(shared), nil
}

// wholeMLKEM: the secret becomes a key as it is. Where less is wanted, it is derived.
func wholeMLKEM(n int) error {
	if n != 0 && n != stdmlkem.SharedKeySize {
		return ck.Errorf(ck.CKR_KEY_SIZE_RANGE, "the secret of ML-KEM has 32 bytes")
	}
	return nil
}
