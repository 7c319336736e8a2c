package testvectors

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/p11"
	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// macNames is what PKCS #11 calls a MAC.
type macNames struct {
	full    ck.MechanismType
	general ck.MechanismType // that gives as many bytes as its parameter says
	size    int              // bytes of the full MAC
	keyType ck.KeyType
}

// macs are by Wycheproof's names of algorithms.
var macs = map[string]macNames{
	"AES-CMAC":       {ck.CKM_AES_CMAC, ck.CKM_AES_CMAC_GENERAL, 16, ck.CKK_AES},
	"HMACSHA1":       {ck.CKM_SHA_1_HMAC, ck.CKM_SHA_1_HMAC_GENERAL, 20, ck.CKK_GENERIC_SECRET},
	"HMACSHA224":     {ck.CKM_SHA224_HMAC, ck.CKM_SHA224_HMAC_GENERAL, 28, ck.CKK_GENERIC_SECRET},
	"HMACSHA256":     {ck.CKM_SHA256_HMAC, ck.CKM_SHA256_HMAC_GENERAL, 32, ck.CKK_GENERIC_SECRET},
	"HMACSHA384":     {ck.CKM_SHA384_HMAC, ck.CKM_SHA384_HMAC_GENERAL, 48, ck.CKK_GENERIC_SECRET},
	"HMACSHA512":     {ck.CKM_SHA512_HMAC, ck.CKM_SHA512_HMAC_GENERAL, 64, ck.CKK_GENERIC_SECRET},
	"HMACSHA512/224": {ck.CKM_SHA512_224_HMAC, ck.CKM_SHA512_224_HMAC_GENERAL, 28, ck.CKK_GENERIC_SECRET},
	"HMACSHA512/256": {ck.CKM_SHA512_256_HMAC, ck.CKM_SHA512_256_HMAC_GENERAL, 32, ck.CKK_GENERIC_SECRET},
	"HMACSHA3-224":   {ck.CKM_SHA3_224_HMAC, ck.CKM_SHA3_224_HMAC_GENERAL, 28, ck.CKK_GENERIC_SECRET},
	"HMACSHA3-256":   {ck.CKM_SHA3_256_HMAC, ck.CKM_SHA3_256_HMAC_GENERAL, 32, ck.CKK_GENERIC_SECRET},
	"HMACSHA3-384":   {ck.CKM_SHA3_384_HMAC, ck.CKM_SHA3_384_HMAC_GENERAL, 48, ck.CKK_GENERIC_SECRET},
	"HMACSHA3-512":   {ck.CKM_SHA3_512_HMAC, ck.CKM_SHA3_512_HMAC_GENERAL, 64, ck.CKK_GENERIC_SECRET},
}

// mechanisms are those that give n bytes: always the general one, and the full
// one where that is what it gives.
func (m macNames) mechanisms(n int) []p11.Mechanism {
	list := []p11.Mechanism{p11.MACLength(m.general, n)}
	if n == m.size {
		list = append(list, p11.Plain(m.full))
	}
	return list
}

func mac(r *runner, g *wycheproof.Group) {
	names, ok := macs[r.file.Algorithm]
	for i := range g.Tests {
		c := &g.Tests[i]
		if !ok {
			r.tally.add(wrong, "no mechanism for "+r.file.Algorithm)
			continue
		}
		var trials []trial
		for _, m := range names.mechanisms(g.TagSize / 8) {
			trials = append(trials, r.verify(m, c.Msg, c.Tag, parts)...)
			if c.Result == wycheproof.Valid {
				trials = append(trials, r.sign(m, c.Msg, c.Tag, parts)...)
			}
		}
		r.with(p11.Secret(names.keyType, c.Key), func(k handle) { r.check(c, k, trials...) })
	}
}

// verify is the trials of a signature or a MAC: at once and, unless cut is nil,
// in parts of such sizes.
func (r *runner) verify(m p11.Mechanism, data, signature []byte, cut []int) []trial {
	list := []trial{{"verify", m.Type, ck.CKF_VERIFY, nil, func(k p11.Key) ([]byte, error) {
		return nil, r.Verify(m, k, data, signature)
	}}}
	if cut != nil {
		list = append(list, trial{"verify in parts", m.Type, ck.CKF_VERIFY, nil, func(k p11.Key) ([]byte, error) {
			return nil, r.Verify(m, k, data, signature, cut...)
		}})
	}
	return list
}

// sign is the trials of a signature that can have one value only, or a MAC.
func (r *runner) sign(m p11.Mechanism, data, signature []byte, cut []int) []trial {
	list := []trial{{"sign", m.Type, ck.CKF_SIGN, signature, func(k p11.Key) ([]byte, error) {
		return r.Sign(m, k, data)
	}}}
	if cut != nil {
		list = append(list, trial{"sign in parts", m.Type, ck.CKF_SIGN, signature, func(k p11.Key) ([]byte, error) {
			return r.Sign(m, k, data, cut...)
		}})
	}
	return list
}
