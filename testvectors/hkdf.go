package testvectors

import (
	"errors"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/p11"
	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// hkdf runs files that are named for their hash.
func hkdf(r *runner, g *wycheproof.Group) {
	g.SHA = strings.TrimPrefix(r.file.Algorithm, "HKDF-")
	hkdfOf(r, g)
}

// hkdfOf extracts and expands: in one call, and in one for each step.
func hkdfOf(r *runner, g *wycheproof.Group) {
	h := r.hash(g)
	if h == nil {
		return
	}
	for i := range g.Tests {
		c := &g.Tests[i]
		r.with(p11.Deriving(ck.CKK_HKDF, c.IKM), func(k handle) { r.check(c, k, r.hkdf(h, c.Salt, c.Info, c.OKM, c.Size)...) })
	}
}

func (r *runner) hkdf(names *hashNames, salt, info, want []byte, size int) []trial {
	return []trial{
		{"extract and expand", ck.CKM_HKDF_DERIVE, ck.CKF_DERIVE, want, func(k p11.Key) ([]byte, error) {
			return r.Derive(p11.HKDF(names.digest, p11.ExtractAndExpand, salt, info), k, size)
		}},
		{"extract, then expand", ck.CKM_HKDF_DERIVE, ck.CKF_DERIVE, want, func(k p11.Key) ([]byte, error) {
			prk, err := r.Derive(p11.HKDF(names.digest, p11.Extract, salt, nil), k, len(names.sum(nil)))
			if err != nil {
				return nil, err
			}
			inner, err := r.Import(p11.Deriving(ck.CKK_HKDF, prk))
			if err != nil {
				return nil, err
			}
			okm, err := r.Derive(p11.HKDF(names.digest, p11.Expand, nil, info), inner, size)
			return okm, errors.Join(err, r.Destroy(inner))
		}},
	}
}
