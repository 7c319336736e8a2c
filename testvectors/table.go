package testvectors

import (
	"fmt"
	"path"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/p11"
	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// runs is the files that are run: a pattern of path.Match, and the runner. The
// first row that fits decides.
var runs = []struct {
	pattern string
	run     func(*runner, *wycheproof.Group)
}{
	{"aes_cbc_pkcs5_test.json", aesCBC},
	{"aes_ccm_test.json", aead(ck.CKK_AES, ck.CKM_AES_CCM)},
	{"aes_cmac_test.json", mac},
	{"aes_gcm_test.json", aead(ck.CKK_AES, ck.CKM_AES_GCM)},
	{"aes_kwp_test.json", keyWrap(ck.CKM_AES_KEY_WRAP_KWP, ck.CKM_AES_KEY_WRAP_PAD)},
	{"aes_wrap_test.json", keyWrap(ck.CKM_AES_KEY_WRAP)},
	{"aes_xts_test.json", aesXTS},
	{"chacha20_poly1305_test.json", aead(ck.CKK_CHACHA20, ck.CKM_CHACHA20_POLY1305)},
	{"ecdh_secp???r1_test.json", agreement(formatASN)},
	{"ecdh_secp???r1_ecpoint_test.json", agreement(formatPoint)},
	{"ecdh_secp???r1_pem_test.json", agreement(formatPEM)},
	{"ecdh_secp???r1_webcrypto_test.json", agreement(formatJWK)},
	{"ecdsa_secp[235]??r1_*_p1363_test.json", ecdsaP1363},
	{"ecdsa_secp[235]??r1_*_test.json", ecdsaDER},
	{"ed25519_test.json", ed25519},
	{"hkdf_sha*_test.json", hkdf},
	{"hmac_sha*_test.json", mac},
	{"mlkem_*_encaps_test.json", mlkemEncapsulate},
	{"mlkem_*_keygen_seed_test.json", mlkemKeys},
	{"mlkem_*_test.json", mlkemDecapsulate},
	{"rsa_oaep_*_test.json", rsaOAEP},
	{"rsa_pkcs1_[234]???_test.json", rsaPKCS1Decrypt},
	{"rsa_pkcs1_*_sig_gen_test.json", rsaPKCS1Sign},
	{"rsa_pss_*_test.json", rsaPSS},
	{"rsa_signature_*_test.json", rsaPKCS1Verify},
	{"xchacha20_poly1305_test.json", aead(ck.CKK_CHACHA20, ck.CKM_CHACHA20_POLY1305)},
	{"x25519_test.json", agreement(formatPoint)},
	{"x25519_asn_test.json", agreement(formatXDHASN)},
	{"x25519_jwk_test.json", agreement(formatJWK)},
	{"x25519_pem_test.json", agreement(formatPEM)},
}

// exclusion is files that are not run, and why. They come before runs, and one
// at most fits a file.
type exclusion struct {
	pattern, reason string
	// until is the mechanism that would make the reason untrue: once the module
	// lists it, the exclusion is an error. 0 if there is none.
	until ck.MechanismType
}

// The reasons that many files share.
const (
	noMechanism = "no mechanism of ours"
	noStandard  = "not in PKCS #11 3.2"
	noCurve     = "curve not in the set"
	noMGF       = "PKCS #11 has no MGF1 over SHA-512/t"
)

var exclusions = []exclusion{
	{"a???cbc_hs???_test.json", noStandard, 0},
	{"aead_aes_siv_cmac_test.json", noStandard, 0},
	{"aegis*_test.json", noStandard, 0},
	{"aes_eax_test.json", noStandard, 0},
	{"aes_ff1_*_test.json", noStandard, 0},
	{"aes_gcm_siv_test.json", noStandard, 0},
	{"aes_gmac_test.json", noMechanism, ck.CKM_AES_GMAC},
	{"aes_siv_cmac_test.json", noStandard, 0},
	{"aria_*_test.json", noMechanism, ck.CKM_ARIA_KEY_GEN},
	{"ascon*_test.json", noStandard, 0},
	{"bls_*_test.json", noStandard, 0},
	{"c2sp_chunked_encryption_*_test.json", "a file format over AES-GCM", 0},
	{"camellia_*_test.json", noMechanism, ck.CKM_CAMELLIA_KEY_GEN},
	{"dsa_*_test.json", noMechanism, ck.CKM_DSA},
	{"ec_prime_order_curves_test.json", "a list of curves, with no operation to test", 0},
	{"ecdh_brainpool*_test.json", noCurve, 0},
	{"ecdh_secp256k1_*test.json", noCurve, 0},
	{"ecdh_sect*_test.json", noCurve, 0},
	{"ecdsa_brainpool*_test.json", noCurve, 0},
	{"ecdsa_secp1*_test.json", noCurve, 0},
	{"ecdsa_secp2??k1_*_test.json", noCurve, 0},
	{"ed448_test.json", noCurve, 0},
	{"hmac_sm3_test.json", noStandard, 0},
	{"json_web_*_test.json", "a format of messages, not an interface to keys", 0},
	{"kmac*_test.json", noStandard, 0},
	{"mldsa_*_test.json", noMechanism, ck.CKM_ML_DSA},
	{"mlkem_512_*test.json", "no ML-KEM-512", 0},
	{"mlkem_[17]*_semi_expanded_*_test.json", "private keys come with their seed", 0},
	{"morus*_test.json", noStandard, 0},
	{"pbes2_*_test.json", noMechanism, ck.CKM_PKCS5_PBKD2},
	{"pbkdf2_*_test.json", noMechanism, ck.CKM_PKCS5_PBKD2},
	{"primality_test.json", "PKCS #11 has no function that tests a number", 0},
	{"rsa_oaep_*_mgf1sha512_2*_test.json", noMGF, 0},
	{"rsa_pss_*_sha512_2*_test.json", noMGF, 0},
	{"rsa_pss_*_shake*_test.json", "PKCS #11 has no RSA-PSS with SHAKE", 0},
	{"rsa_three_primes_*_test.json", "PKCS #11 has no attributes for a third prime", 0},
	{"seed_*_test.json", noMechanism, ck.CKM_SEED_KEY_GEN},
	{"siphash*_test.json", noStandard, 0},
	{"sm4_*_test.json", noStandard, 0},
	{"vmac_*_test.json", noStandard, 0},
	{"x448_*test.json", noCurve, 0},
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	if err != nil {
		panic(fmt.Sprintf("testvectors: pattern %q: %v", pattern, err))
	}
	return ok
}

// excluded finds the exclusion of a file, nil if it has none.
func excluded(name string) *exclusion {
	for i := range exclusions {
		if matches(exclusions[i].pattern, name) {
			return &exclusions[i]
		}
	}
	return nil
}

// runnerOf finds the runner of a file, nil if it has none.
func runnerOf(name string) func(*runner, *wycheproof.Group) {
	for _, r := range runs {
		if matches(r.pattern, name) {
			return r.run
		}
	}
	return nil
}

// Outdated lists what the module makes untrue in the tables of exclusions.
func Outdated(token *p11.Token) (list []string) {
	for _, e := range slices.Concat(exclusions, acvpExclusions) {
		if e.until != 0 && token.Lists(e.until, 0) {
			list = append(list, fmt.Sprintf("%s is excluded, but there is %v", e.pattern, e.until))
		}
	}
	return list
}
