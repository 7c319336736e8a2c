package testvectors

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/p11"
	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// digests is the trials of a digest.
func (r *runner) digests(m ck.MechanismType, data, sum []byte) []trial {
	do := func(cut ...int) func(p11.Key) ([]byte, error) {
		return func(p11.Key) ([]byte, error) { return r.Digest(p11.Plain(m), data, cut...) }
	}
	return []trial{
		{"digest", m, ck.CKF_DIGEST, sum, do()},
		{"digest in parts", m, ck.CKF_DIGEST, sum, do(parts...)},
	}
}

func digest(r *runner, g *wycheproof.Group) {
	h := r.hash(g)
	if h == nil {
		return
	}
	for i := range g.Tests {
		c := &g.Tests[i]
		r.check(c, handle{}, r.digests(h.digest, c.Msg, c.Tag)...)
	}
}

// digestMonteCarlo runs the Monte Carlo tests of digests: a thousand digests, each of the
// last few side by side. That is three for SHA-1 and SHA-2 (SHAVS, section 6.4), one for
// SHA-3 (SHA3VS, section 6.2.3).
func digestMonteCarlo(width int) func(*runner, *wycheproof.Group) {
	return func(r *runner, g *wycheproof.Group) {
		h := r.hash(g)
		if h == nil {
			return
		}
		c := &g.Tests[0]
		r.check(c, handle{}, trial{"a thousand digests", h.digest, ck.CKF_DIGEST, c.Tag, func(p11.Key) ([]byte, error) {
			return r.chainDigests(h.digest, c.Msg, width)
		}})
	}
}

func (r *runner) chainDigests(m ck.MechanismType, seed []byte, width int) (sum []byte, err error) {
	var last []byte // the width last digests
	for range width {
		last = append(last, seed...)
	}
	for range 1000 {
		if sum, err = r.Digest(p11.Plain(m), last); err != nil {
			return nil, err
		}
		last = append(last[len(sum):], sum...)
	}
	return sum, nil
}
