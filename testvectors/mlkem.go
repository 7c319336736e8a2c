package testvectors

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/p11"
	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// mlkemSets are the parameter sets by their names.
var mlkemSets = map[string]int{
	"ML-KEM-768":  ck.CKP_ML_KEM_768,
	"ML-KEM-1024": ck.CKP_ML_KEM_1024,
}

// mlkemDecapsulate decapsulates with keys given by their seed.
func mlkemDecapsulate(r *runner, g *wycheproof.Group) {
	for i := range g.Tests {
		c := &g.Tests[i]
		r.with(p11.MLKEMPrivate(mlkemSets[g.Parameters], c.Seed), func(k handle) {
			r.check(c, k, trial{"decapsulate", ck.CKM_ML_KEM, ck.CKF_DECAPSULATE, c.K, func(k p11.Key) ([]byte, error) {
				return r.Decapsulate(p11.Plain(ck.CKM_ML_KEM), k, c.C)
			}})
		})
	}
}

// mlkemKeys has the module compute keys from their seed.
func mlkemKeys(r *runner, g *wycheproof.Group) {
	for i := range g.Tests {
		c := &g.Tests[i]
		r.with(p11.MLKEMPrivate(mlkemSets[g.Parameters], c.Seed), func(k handle) {
			r.check(c, k, trial{"decapsulation key", ck.CKM_ML_KEM, ck.CKF_DECAPSULATE, c.DK, func(k p11.Key) ([]byte, error) {
				return r.Attribute(k, ck.CKA_VALUE)
			}}, trial{"encapsulation key", ck.CKM_ML_KEM, ck.CKF_DECAPSULATE, c.EK, func(k p11.Key) ([]byte, error) {
				info, err := r.Attribute(k, ck.CKA_PUBLIC_KEY_INFO)
				return info[max(0, len(info)-len(c.EK)):], err
			}})
		})
	}
}

// mlkemEncapsulate encapsulates. PKCS #11 has no way to give the random numbers, so
// that only the length of what comes out is known.
func mlkemEncapsulate(r *runner, g *wycheproof.Group) {
	for i := range g.Tests {
		c := &g.Tests[i]
		r.with(p11.MLKEMPublic(mlkemSets[g.Parameters], c.EK), func(k handle) {
			r.check(c, k, trial{"encapsulate", ck.CKM_ML_KEM, ck.CKF_ENCAPSULATE, make([]byte, len(c.C)), func(k p11.Key) ([]byte, error) {
				n, err := r.Encapsulate(p11.Plain(ck.CKM_ML_KEM), k)
				return make([]byte, n), err
			}})
		})
	}
}
