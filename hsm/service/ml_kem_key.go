package service

import (
	stdmlkem "crypto/mlkem"
	"crypto/rand"
	"crypto/subtle"
	encodingasn1 "encoding/asn1"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/mlkem"
)

// mlkemSet is a parameter set of ML-KEM (FIPS 203, section 8).
type mlkemSet struct {
	id         uint64 // CK_ML_KEM_PARAMETER_SET_TYPE
	rank       int    // k
	publicSize int    // of the encapsulation key, in bytes
	cipherSize int    // of a ciphertext, in bytes
	oid        encodingasn1.ObjectIdentifier

	newPublic  func(ek []byte) (encapsulator, error)
	newPrivate func(seed []byte) (decapsulator, encapsulator, error)
}

type (
	encapsulator interface {
		Bytes() []byte
		Encapsulate() (shared, ciphertext []byte)
	}
	decapsulator interface {
		Decapsulate(ciphertext []byte) (shared []byte, err error)
	}
)

// mlkemSets are the parameter sets that the standard library has: ML-KEM-512 it has
// not. The OIDs are those of RFC 9935, section 3.
var mlkemSets = []*mlkemSet{
	{
		id: ck.CKP_ML_KEM_768, rank: 3,
		publicSize: stdmlkem.EncapsulationKeySize768, cipherSize: stdmlkem.CiphertextSize768,
		oid:       encodingasn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 4, 2},
		newPublic: func(ek []byte) (encapsulator, error) { return stdmlkem.NewEncapsulationKey768(ek) },
		newPrivate: func(seed []byte) (decapsulator, encapsulator, error) {
			k, err := stdmlkem.NewDecapsulationKey768(seed)
			if err != nil {
				return nil, nil, err
			}
			return k, k.EncapsulationKey(), nil
		},
	},
	{
		id: ck.CKP_ML_KEM_1024, rank: 4,
		publicSize: stdmlkem.EncapsulationKeySize1024, cipherSize: stdmlkem.CiphertextSize1024,
		oid:       encodingasn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 4, 3},
		newPublic: func(ek []byte) (encapsulator, error) { return stdmlkem.NewEncapsulationKey1024(ek) },
		newPrivate: func(seed []byte) (decapsulator, encapsulator, error) {
			k, err := stdmlkem.NewDecapsulationKey1024(seed)
			if err != nil {
				return nil, nil, err
			}
			return k, k.EncapsulationKey(), nil
		},
	},
}

// mlkemSetOf reads CKA_PARAMETER_SET.
func mlkemSetOf(a source) (*mlkemSet, error) {
	v := a(ck.CKA_PARAMETER_SET)
	if len(v) == 0 {
		return nil, ck.Errorf(ck.CKR_TEMPLATE_INCOMPLETE, "CKA_PARAMETER_SET is missing")
	}
	id, ok := ck.ParseUlong(v)
	if !ok {
		return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "CKA_PARAMETER_SET is not a CK_ULONG")
	}
	return findMLKEMSet(func(s *mlkemSet) bool { return s.id == id })
}

// findMLKEMSet returns the first parameter set that fits.
func findMLKEMSet(fits func(*mlkemSet) bool) (*mlkemSet, error) {
	if i := slices.IndexFunc(mlkemSets, fits); i >= 0 {
		return mlkemSets[i], nil
	}
	return nil, ck.Errorf(ck.CKR_PARAMETER_SET_NOT_SUPPORTED, "ML-KEM-768 and ML-KEM-1024 are supported, and no other")
}

// mlkemPublicKey is the parsed form of an encapsulation key.
type mlkemPublicKey struct {
	set *mlkemSet
	ek  encapsulator
}

// mlkemPrivateKey is the parsed form of a decapsulation key.
type mlkemPrivateKey struct {
	mlkemPublicKey
	wipeable
	seed  []byte // d || z
	value []byte // dk, expanded
	dk    decapsulator
}

// zero wipes all but what the standard library keeps.
func (k *mlkemPrivateKey) zero() {
	k.wipe(func() {
		clear(k.seed)
		clear(k.value)
	})
}

func (k *mlkemPrivateKey) abandon() { whenForgotten(k, (*mlkemPrivateKey).zero) }

// parseMLKEMPublic checks the encapsulation key as FIPS 203, section 7.2, has it.
func parseMLKEMPublic(a source) (any, error) {
	set, err := mlkemSetOf(a)
	if err != nil {
		return nil, err
	}
	value := a(ck.CKA_VALUE)
	if len(value) == 0 {
		return nil, ck.Errorf(ck.CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE is missing")
	}
	ek, err := set.newPublic(value)
	if err != nil {
		return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "not an encapsulation key of the parameter set")
	}
	return &mlkemPublicKey{set, ek}, nil
}

// parseMLKEMPrivate makes the key of its seed.
func parseMLKEMPrivate(a source) (any, error) {
	set, err := mlkemSetOf(a)
	if err != nil {
		return nil, err
	}
	seed := a(ck.CKA_SEED)
	if len(seed) == 0 {
		return nil, ck.Errorf(ck.CKR_TEMPLATE_INCOMPLETE, "CKA_SEED is missing: the standard library takes keys by their seed")
	}
	k, err := set.privateKey(seed)
	if err != nil {
		return nil, err
	}
	if value := a(ck.CKA_VALUE); len(value) > 0 && subtle.ConstantTimeCompare(value, k.value) != 1 {
		k.zero()
		return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "CKA_VALUE is not that of the seed")
	}
	return k, nil
}

// privateKey does not keep seed.
func (s *mlkemSet) privateKey(seed []byte) (*mlkemPrivateKey, error) {
	if len(seed) != mlkem.SeedSize {
		return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "CKA_SEED has 64 bytes")
	}
	dk, ek, err := s.newPrivate(seed)
	if err != nil {
		return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "not the seed of a decapsulation key")
	}
	value, err := mlkem.Expand(s.rank, seed, ek.Bytes())
	if err != nil {
		return nil, refusal(err)
	}
	return &mlkemPrivateKey{mlkemPublicKey: mlkemPublicKey{s, ek}, seed: slices.Clone(seed), value: value, dk: dk}, nil
}

func (k *mlkemPublicKey) attributes() ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_PUBLIC_KEY),
		ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_ML_KEM),
		ck.Ulong(ck.CKA_PARAMETER_SET, k.set.id),
		ck.Bytes(ck.CKA_VALUE, k.ek.Bytes()),
		ck.Bytes(ck.CKA_PUBLIC_KEY_INFO, k.publicKeyInfo()),
	}
}

func (k *mlkemPrivateKey) attributes() ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_PRIVATE_KEY),
		ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_ML_KEM),
		ck.Ulong(ck.CKA_PARAMETER_SET, k.set.id),
		ck.Bytes(ck.CKA_SEED, slices.Clone(k.seed)),
		ck.Bytes(ck.CKA_VALUE, slices.Clone(k.value)),
		ck.Bytes(ck.CKA_PUBLIC_KEY_INFO, k.publicKeyInfo()),
	}
}

// addAlgorithm appends the AlgorithmIdentifier, which has no parameters.
func (s *mlkemSet) addAlgorithm(b *cryptobyte.Builder) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(s.oid) })
}

func (k *mlkemPublicKey) publicKeyInfo() []byte {
	return publicKeyInfo(k.set.addAlgorithm, k.ek.Bytes())
}

func (k *mlkemPrivateKey) addAlgorithm(b *cryptobyte.Builder) { k.set.addAlgorithm(b) }

// tagMLKEMSeed is the choice "seed" of ML-KEM-768-PrivateKey and its like (RFC 9935,
// section 6).
var tagMLKEMSeed = asn1.Tag(0).ContextSpecific()

// addPrivateKey appends the seed, which is all there is to a key.
func (k *mlkemPrivateKey) addPrivateKey(b *cryptobyte.Builder) {
	b.AddASN1(tagMLKEMSeed, func(b *cryptobyte.Builder) { b.AddBytes(k.seed) })
}

// decodeMLKEM reads a private key that comes with its seed, alone or before the
// expanded key.
func decodeMLKEM(set *mlkemSet, s cryptobyte.String) (tmpl ck.Template, ok bool) {
	var seed, both, value cryptobyte.String
	if s.PeekASN1Tag(asn1.SEQUENCE) {
		ok = s.ReadASN1(&both, asn1.SEQUENCE) && both.ReadASN1(&seed, asn1.OCTET_STRING) &&
			both.ReadASN1(&value, asn1.OCTET_STRING) && both.Empty()
	} else {
		ok = s.ReadASN1(&seed, tagMLKEMSeed)
	}
	return ck.Template{
		ck.Ulong(ck.CKA_PARAMETER_SET, set.id),
		ck.Bytes(ck.CKA_SEED, seed),
		ck.Bytes(ck.CKA_VALUE, value),
	}, ok && s.Empty()
}

// generateMLKEM makes a pair of the parameter set that the public template names.
func generateMLKEM(_ *ck.Mechanism, public, _ ck.Template) (pub, priv ck.Template, err error) {
	set, err := mlkemSetOf(sourceOf(public))
	if err != nil {
		return nil, nil, err
	}
	seed := make([]byte, mlkem.SeedSize)
	defer clear(seed)
	rand.Read(seed) // does not fail
	k, err := set.privateKey(seed)
	if err != nil {
		return nil, nil, err
	}
	defer k.zero()
	return k.mlkemPublicKey.attributes(), k.attributes(), nil
}
