package testvectors

import (
	"bytes"
	"errors"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/p11"
	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// agreement runs ECDH and X25519, whose files differ only in how they write keys.
// Of a peer's key, PKCS #11 takes the point and nothing else. So a key that has
// parameters with it goes the way an application would take: it is first made a
// public-key object, which is where the module judges the parameters.
func agreement(f format) func(*runner, *wycheproof.Group) {
	return func(r *runner, g *wycheproof.Group) {
		on := r.curve(g.Curve)
		if on == nil {
			return
		}
		for i := range g.Tests {
			c := &g.Tests[i]
			peer, err := f.public(c.Public)
			if err != nil {
				r.unreachable(c, err.Error())
				continue
			}
			value, err := f.private(c.Private)
			if err != nil {
				r.unreachable(c, err.Error())
				continue
			}
			r.agreement(c, on, value, peer)
		}
	}
}

// agreement runs a test with a private key of that value.
func (r *runner) agreement(c *wycheproof.Case, on *curve, value []byte, peer publicKey) {
	r.with(p11.ECPrivate(on.keyType, ck.CKA_DERIVE, on.params(), value), func(k handle) {
		r.check(c, k, trial{"derive", ck.CKM_ECDH1_DERIVE, ck.CKF_DERIVE, c.Shared, func(k p11.Key) ([]byte, error) {
			return r.agree(k, on, peer)
		}})
	})
}

// errOtherCurve is the refusal of a module that keeps the peer's key and finds
// it to be on another curve than ours; the application sees it in CKA_EC_PARAMS.
var errOtherCurve = ck.Errorf(ck.CKR_DOMAIN_PARAMS_INVALID, "the peer's key is on another curve")

func (r *runner) agree(k p11.Key, on *curve, peer publicKey) ([]byte, error) {
	if peer.params != nil {
		if err := r.admit(on, peer); err != nil {
			return nil, err
		}
	}
	return r.Derive(p11.ECDH(peer.point), k, on.size)
}

// admit makes a public-key object of the peer's key and compares its curve.
func (r *runner) admit(on *curve, peer publicKey) error {
	object, err := r.Import(p11.ECPublic(on.keyType, peer.params, der(peer.point)))
	if err != nil {
		return err
	}
	params, err := r.Attribute(object, ck.CKA_EC_PARAMS)
	if err == nil && !bytes.Equal(params, on.params()) {
		err = errOtherCurve
	}
	return errors.Join(err, r.Destroy(object))
}
