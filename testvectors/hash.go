package testvectors

import (
	"crypto/fips140"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/asn1"
	"fmt"
	"hash"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// hashNames is what PKCS #11 calls a hash and what is built on it; 0 where the
// standard has no name. The digest is for mechanisms that are handed one.
type hashNames struct {
	digest  ck.MechanismType
	rsaPKCS ck.MechanismType
	rsaPSS  ck.MechanismType
	ecdsa   ck.MechanismType
	mgf     ck.MGF
	oid     asn1.ObjectIdentifier // in a DigestInfo (RFC 8017, appendix B.1)
	sum     func([]byte) []byte
}

// hashOID is the arc of the hash functions of NIST (CSOR).
func hashOID(n int) asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, n}
}

// hashes are by Wycheproof's names.
var hashes = map[string]*hashNames{
	"SHA-1": {ck.CKM_SHA_1, ck.CKM_SHA1_RSA_PKCS, ck.CKM_SHA1_RSA_PKCS_PSS, ck.CKM_ECDSA_SHA1, ck.CKG_MGF1_SHA1,
		asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, sum(sha1.New)},
	"SHA-224": {ck.CKM_SHA224, ck.CKM_SHA224_RSA_PKCS, ck.CKM_SHA224_RSA_PKCS_PSS, ck.CKM_ECDSA_SHA224, ck.CKG_MGF1_SHA224,
		hashOID(4), sum(sha256.New224)},
	"SHA-256": {ck.CKM_SHA256, ck.CKM_SHA256_RSA_PKCS, ck.CKM_SHA256_RSA_PKCS_PSS, ck.CKM_ECDSA_SHA256, ck.CKG_MGF1_SHA256,
		hashOID(1), sum(sha256.New)},
	"SHA-384": {ck.CKM_SHA384, ck.CKM_SHA384_RSA_PKCS, ck.CKM_SHA384_RSA_PKCS_PSS, ck.CKM_ECDSA_SHA384, ck.CKG_MGF1_SHA384,
		hashOID(2), sum(sha512.New384)},
	"SHA-512": {ck.CKM_SHA512, ck.CKM_SHA512_RSA_PKCS, ck.CKM_SHA512_RSA_PKCS_PSS, ck.CKM_ECDSA_SHA512, ck.CKG_MGF1_SHA512,
		hashOID(3), sum(sha512.New)},
	"SHA-512/224": {digest: ck.CKM_SHA512_224, oid: hashOID(5), sum: sum(sha512.New512_224)},
	"SHA-512/256": {digest: ck.CKM_SHA512_256, oid: hashOID(6), sum: sum(sha512.New512_256)},
	"SHA3-224": {ck.CKM_SHA3_224, ck.CKM_SHA3_224_RSA_PKCS, ck.CKM_SHA3_224_RSA_PKCS_PSS, ck.CKM_ECDSA_SHA3_224, ck.CKG_MGF1_SHA3_224,
		hashOID(7), sum(sha3.New224)},
	"SHA3-256": {ck.CKM_SHA3_256, ck.CKM_SHA3_256_RSA_PKCS, ck.CKM_SHA3_256_RSA_PKCS_PSS, ck.CKM_ECDSA_SHA3_256, ck.CKG_MGF1_SHA3_256,
		hashOID(8), sum(sha3.New256)},
	"SHA3-384": {ck.CKM_SHA3_384, ck.CKM_SHA3_384_RSA_PKCS, ck.CKM_SHA3_384_RSA_PKCS_PSS, ck.CKM_ECDSA_SHA3_384, ck.CKG_MGF1_SHA3_384,
		hashOID(9), sum(sha3.New384)},
	"SHA3-512": {ck.CKM_SHA3_512, ck.CKM_SHA3_512_RSA_PKCS, ck.CKM_SHA3_512_RSA_PKCS_PSS, ck.CKM_ECDSA_SHA3_512, ck.CKG_MGF1_SHA3_512,
		hashOID(10), sum(sha3.New512)},
	// The two as hashes of fixed length have no name in PKCS #11.
	"SHAKE128": {sum: func(b []byte) []byte { return sha3.SumSHAKE128(b, 32) }},
	"SHAKE256": {sum: func(b []byte) []byte { return sha3.SumSHAKE256(b, 64) }},
}

// sum hashes with the test's own library, which is in the same mode as the module's and
// must not refuse SHA-1 for it.
func sum[H hash.Hash](new func() H) func([]byte) []byte {
	return func(data []byte) (digest []byte) {
		fips140.WithoutEnforcement(func() {
			h := new()
			h.Write(data)
			digest = h.Sum(nil)
		})
		return digest
	}
}

// hash is the hash of a group. One that is not known here is counted as a fault,
// and nil.
func (r *runner) hash(g *wycheproof.Group) *hashNames {
	h := hashes[g.SHA]
	if h == nil {
		r.tally.add(wrong, fmt.Sprintf("hash %q is not known here", g.SHA))
	}
	return h
}

// hashAndMGF are those of a group that PKCS #11 must have names for; else a fault
// is counted and the hash is nil.
func (r *runner) hashAndMGF(g *wycheproof.Group) (*hashNames, ck.MGF) {
	h, mgf := hashes[g.SHA], hashes[g.MGFSHA]
	if h == nil || h.digest == 0 || mgf == nil || mgf.mgf == 0 {
		r.tally.add(wrong, fmt.Sprintf("PKCS #11 has no name for %q with MGF1 over %q", g.SHA, g.MGFSHA))
		return nil, 0
	}
	return h, mgf.mgf
}

// digestInfo encodes the digest of data as PKCS #1 v1.5 signs it (RFC 8017,
// section 9.2, step 2).
func (h *hashNames) digestInfo(data []byte) []byte {
	type algorithm struct {
		OID        asn1.ObjectIdentifier
		Parameters asn1.RawValue
	}
	der, err := asn1.Marshal(struct {
		Algorithm algorithm
		Digest    []byte
	}{algorithm{h.oid, asn1.NullRawValue}, h.sum(data)})
	if err != nil {
		panic(err) // of a structure of our own
	}
	return der
}
