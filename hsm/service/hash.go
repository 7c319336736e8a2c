package service

import (
	"crypto"
	"crypto/fips140"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"hash"
	"slices"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// hashInfo is a hash function and every name that the standard gives to it and
// to what is built on it. A name that the standard does not have is 0.
type hashInfo struct {
	hash  crypto.Hash
	new   func() hash.Hash
	sum   func(dst, src []byte) // all at once, where that is cheaper; dst has room
	size  int                   // bytes of output
	block int                   // bytes of a block, the B of HMAC (FIPS 198-1)

	digest ck.MechanismType // CKM_SHA256
	mgf    ck.MGF           // CKG_MGF1_SHA256
	kdf    ck.KDF           // CKD_SHA256_KDF, that of ANSI X9.63
	hmac   hmacNames
	derive ck.MechanismType // CKM_SHA256_KEY_DERIVATION

	rsaPKCS ck.MechanismType // CKM_SHA256_RSA_PKCS
	rsaPSS  ck.MechanismType // CKM_SHA256_RSA_PKCS_PSS
	ecdsa   ck.MechanismType // CKM_ECDSA_SHA256

	idle *sync.Pool // of *summer, between digests
}

// hmacNames is the mechanisms and the key type of HMAC over one hash.
type hmacNames struct {
	full, general, keyGen ck.MechanismType
	keyType               ck.KeyType
}

// hashes is the one table of hash functions. The mechanisms that combine a hash
// with something else are made by walking it. Where the Go Cryptographic Module
// enforces approved mode, which the host's environment can ask for, SHA-1 panics:
// then there is none.
var hashes = slices.DeleteFunc([]hashInfo{
	{
		hash: crypto.SHA1, new: sha1.New, size: sha1.Size, block: sha1.BlockSize,
		sum:    func(dst, src []byte) { *(*[sha1.Size]byte)(dst) = sha1.Sum(src) },
		digest: ck.CKM_SHA_1, mgf: ck.CKG_MGF1_SHA1, kdf: ck.CKD_SHA1_KDF, derive: ck.CKM_SHA1_KEY_DERIVATION,
		hmac:    hmacNames{ck.CKM_SHA_1_HMAC, ck.CKM_SHA_1_HMAC_GENERAL, ck.CKM_SHA_1_KEY_GEN, ck.CKK_SHA_1_HMAC},
		rsaPKCS: ck.CKM_SHA1_RSA_PKCS, rsaPSS: ck.CKM_SHA1_RSA_PKCS_PSS, ecdsa: ck.CKM_ECDSA_SHA1,
	},
	{
		hash: crypto.SHA224, new: sha256.New224, size: sha256.Size224, block: sha256.BlockSize,
		sum:    func(dst, src []byte) { *(*[sha256.Size224]byte)(dst) = sha256.Sum224(src) },
		digest: ck.CKM_SHA224, mgf: ck.CKG_MGF1_SHA224, kdf: ck.CKD_SHA224_KDF, derive: ck.CKM_SHA224_KEY_DERIVATION,
		hmac:    hmacNames{ck.CKM_SHA224_HMAC, ck.CKM_SHA224_HMAC_GENERAL, ck.CKM_SHA224_KEY_GEN, ck.CKK_SHA224_HMAC},
		rsaPKCS: ck.CKM_SHA224_RSA_PKCS, rsaPSS: ck.CKM_SHA224_RSA_PKCS_PSS, ecdsa: ck.CKM_ECDSA_SHA224,
	},
	{
		hash: crypto.SHA256, new: sha256.New, size: sha256.Size, block: sha256.BlockSize,
		sum:    func(dst, src []byte) { *(*[sha256.Size]byte)(dst) = sha256.Sum256(src) },
		digest: ck.CKM_SHA256, mgf: ck.CKG_MGF1_SHA256, kdf: ck.CKD_SHA256_KDF, derive: ck.CKM_SHA256_KEY_DERIVATION,
		hmac:    hmacNames{ck.CKM_SHA256_HMAC, ck.CKM_SHA256_HMAC_GENERAL, ck.CKM_SHA256_KEY_GEN, ck.CKK_SHA256_HMAC},
		rsaPKCS: ck.CKM_SHA256_RSA_PKCS, rsaPSS: ck.CKM_SHA256_RSA_PKCS_PSS, ecdsa: ck.CKM_ECDSA_SHA256,
	},
	{
		hash: crypto.SHA384, new: sha512.New384, size: sha512.Size384, block: sha512.BlockSize,
		sum:    func(dst, src []byte) { *(*[sha512.Size384]byte)(dst) = sha512.Sum384(src) },
		digest: ck.CKM_SHA384, mgf: ck.CKG_MGF1_SHA384, kdf: ck.CKD_SHA384_KDF, derive: ck.CKM_SHA384_KEY_DERIVATION,
		hmac:    hmacNames{ck.CKM_SHA384_HMAC, ck.CKM_SHA384_HMAC_GENERAL, ck.CKM_SHA384_KEY_GEN, ck.CKK_SHA384_HMAC},
		rsaPKCS: ck.CKM_SHA384_RSA_PKCS, rsaPSS: ck.CKM_SHA384_RSA_PKCS_PSS, ecdsa: ck.CKM_ECDSA_SHA384,
	},
	{
		hash: crypto.SHA512, new: sha512.New, size: sha512.Size, block: sha512.BlockSize,
		sum:    func(dst, src []byte) { *(*[sha512.Size]byte)(dst) = sha512.Sum512(src) },
		digest: ck.CKM_SHA512, mgf: ck.CKG_MGF1_SHA512, kdf: ck.CKD_SHA512_KDF, derive: ck.CKM_SHA512_KEY_DERIVATION,
		hmac:    hmacNames{ck.CKM_SHA512_HMAC, ck.CKM_SHA512_HMAC_GENERAL, ck.CKM_SHA512_KEY_GEN, ck.CKK_SHA512_HMAC},
		rsaPKCS: ck.CKM_SHA512_RSA_PKCS, rsaPSS: ck.CKM_SHA512_RSA_PKCS_PSS, ecdsa: ck.CKM_ECDSA_SHA512,
	},
	{
		hash: crypto.SHA512_224, new: sha512.New512_224, size: sha512.Size224, block: sha512.BlockSize,
		digest: ck.CKM_SHA512_224, derive: ck.CKM_SHA512_224_KEY_DERIVATION,
		hmac: hmacNames{ck.CKM_SHA512_224_HMAC, ck.CKM_SHA512_224_HMAC_GENERAL, ck.CKM_SHA512_224_KEY_GEN, ck.CKK_SHA512_224_HMAC},
	},
	{
		hash: crypto.SHA512_256, new: sha512.New512_256, size: sha512.Size256, block: sha512.BlockSize,
		digest: ck.CKM_SHA512_256, derive: ck.CKM_SHA512_256_KEY_DERIVATION,
		hmac: hmacNames{ck.CKM_SHA512_256_HMAC, ck.CKM_SHA512_256_HMAC_GENERAL, ck.CKM_SHA512_256_KEY_GEN, ck.CKK_SHA512_256_HMAC},
	},
	{
		hash: crypto.SHA3_224, new: newSHA3(sha3.New224), size: 28, block: 144,
		digest: ck.CKM_SHA3_224, mgf: ck.CKG_MGF1_SHA3_224, kdf: ck.CKD_SHA3_224_KDF, derive: ck.CKM_SHA3_224_KEY_DERIVATION,
		hmac:    hmacNames{ck.CKM_SHA3_224_HMAC, ck.CKM_SHA3_224_HMAC_GENERAL, ck.CKM_SHA3_224_KEY_GEN, ck.CKK_SHA3_224_HMAC},
		rsaPKCS: ck.CKM_SHA3_224_RSA_PKCS, rsaPSS: ck.CKM_SHA3_224_RSA_PKCS_PSS, ecdsa: ck.CKM_ECDSA_SHA3_224,
	},
	{
		hash: crypto.SHA3_256, new: newSHA3(sha3.New256), size: 32, block: 136,
		digest: ck.CKM_SHA3_256, mgf: ck.CKG_MGF1_SHA3_256, kdf: ck.CKD_SHA3_256_KDF, derive: ck.CKM_SHA3_256_KEY_DERIVATION,
		hmac:    hmacNames{ck.CKM_SHA3_256_HMAC, ck.CKM_SHA3_256_HMAC_GENERAL, ck.CKM_SHA3_256_KEY_GEN, ck.CKK_SHA3_256_HMAC},
		rsaPKCS: ck.CKM_SHA3_256_RSA_PKCS, rsaPSS: ck.CKM_SHA3_256_RSA_PKCS_PSS, ecdsa: ck.CKM_ECDSA_SHA3_256,
	},
	{
		hash: crypto.SHA3_384, new: newSHA3(sha3.New384), size: 48, block: 104,
		digest: ck.CKM_SHA3_384, mgf: ck.CKG_MGF1_SHA3_384, kdf: ck.CKD_SHA3_384_KDF, derive: ck.CKM_SHA3_384_KEY_DERIVATION,
		hmac:    hmacNames{ck.CKM_SHA3_384_HMAC, ck.CKM_SHA3_384_HMAC_GENERAL, ck.CKM_SHA3_384_KEY_GEN, ck.CKK_SHA3_384_HMAC},
		rsaPKCS: ck.CKM_SHA3_384_RSA_PKCS, rsaPSS: ck.CKM_SHA3_384_RSA_PKCS_PSS, ecdsa: ck.CKM_ECDSA_SHA3_384,
	},
	{
		hash: crypto.SHA3_512, new: newSHA3(sha3.New512), size: 64, block: 72,
		digest: ck.CKM_SHA3_512, mgf: ck.CKG_MGF1_SHA3_512, kdf: ck.CKD_SHA3_512_KDF, derive: ck.CKM_SHA3_512_KEY_DERIVATION,
		hmac:    hmacNames{ck.CKM_SHA3_512_HMAC, ck.CKM_SHA3_512_HMAC_GENERAL, ck.CKM_SHA3_512_KEY_GEN, ck.CKK_SHA3_512_HMAC},
		rsaPKCS: ck.CKM_SHA3_512_RSA_PKCS, rsaPSS: ck.CKM_SHA3_512_RSA_PKCS_PSS, ecdsa: ck.CKM_ECDSA_SHA3_512,
	},
}, func(h hashInfo) bool { return h.hash == crypto.SHA1 && fips140.Enforced() })

func newSHA3(new func() *sha3.SHA3) func() hash.Hash {
	return func() hash.Hash { return new() }
}

// hashByMechanism returns the hash that t names: CKM_SHA256.
func hashByMechanism(t ck.MechanismType) (*hashInfo, bool) {
	return hashBy(t, func(h *hashInfo) ck.MechanismType { return h.digest })
}

// hashByMGF returns the hash inside a mask generation function.
func hashByMGF(t ck.MGF) (*hashInfo, bool) {
	return hashBy(t, func(h *hashInfo) ck.MGF { return h.mgf })
}

// hashByKDF returns the hash inside a key derivation function of ANSI X9.63;
// CKD_NULL and those of other standards have none.
func hashByKDF(t ck.KDF) (*hashInfo, bool) {
	return hashBy(t, func(h *hashInfo) ck.KDF { return h.kdf })
}

// hashBy finds the row whose field is t. A row without such a name never fits,
// not even where t is 0.
func hashBy[T ~uint64](t T, field func(*hashInfo) T) (*hashInfo, bool) {
	for i := range hashes {
		if name := field(&hashes[i]); name == t && name != 0 {
			return &hashes[i], true
		}
	}
	return nil, false
}
