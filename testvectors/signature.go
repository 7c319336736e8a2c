package testvectors

import (
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/p11"
	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// ecdsaDER runs files whose signatures are in DER.
func ecdsaDER(r *runner, g *wycheproof.Group) { r.ecdsa(g, rawSignature) }

// ecdsaP1363 runs files whose signatures are r and s side by side, as PKCS #11
// has them.
func ecdsaP1363(r *runner, g *wycheproof.Group) {
	r.ecdsa(g, func(sig []byte, _ int) ([]byte, string) { return sig, "" })
}

// ecdsa runs a group. convert makes a signature of PKCS #11 out of the file's, or
// says why there is none.
func (r *runner) ecdsa(g *wycheproof.Group, convert func(sig []byte, size int) (raw []byte, reason string)) {
	h, on := r.hash(g), r.curve(g.PublicKey.Curve)
	if h == nil || on == nil {
		return
	}
	r.with(p11.ECPublic(on.keyType, on.params(), der([]byte(g.PublicKey.Point))), func(k handle) {
		for i := range g.Tests {
			c := &g.Tests[i]
			sig, reason := convert(c.Sig, on.size)
			if reason != "" {
				r.unreachable(c, reason)
				continue
			}
			trials := r.verify(p11.Plain(ck.CKM_ECDSA), h.sum(c.Msg), sig, nil)
			if h.ecdsa != 0 {
				trials = append(trials, r.verify(p11.Plain(h.ecdsa), c.Msg, sig, parts)...)
			}
			r.check(c, k, trials...)
		}
	})
}

// unreachable counts a test that cannot be put to the module. Only a refusal
// may be lost so.
func (r *runner) unreachable(c *wycheproof.Case, reason string) {
	if c.Result == wycheproof.Valid {
		r.tally.add(wrong, "a valid test cannot be put to the module: "+reason)
		return
	}
	r.tally.skip(reason)
}

// rawSignature reads Ecdsa-Sig-Value (RFC 3279, section 2.2.3) and writes it as
// PKCS #11 has it: two numbers of size bytes each, or longer if one of them is,
// which no verifier may accept. What is not DER has no such form.
func rawSignature(sig []byte, size int) (raw []byte, reason string) {
	var body cryptobyte.String
	r, s := new(big.Int), new(big.Int)
	in := cryptobyte.String(sig)
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !in.Empty() || !body.ReadASN1Integer(r) || !body.ReadASN1Integer(s) || !body.Empty() {
		return nil, "signature is not DER"
	}
	if r.Sign() < 0 || s.Sign() < 0 {
		return nil, "negative number in the signature"
	}
	return sideBySide(r, s, size), ""
}

func ed25519(r *runner, g *wycheproof.Group) {
	r.ed25519(g, func() p11.Mechanism { return p11.Plain(ck.CKM_EDDSA) })
}

// ed25519 runs a group with the mechanism that new makes for each test.
func (r *runner) ed25519(g *wycheproof.Group, new func() p11.Mechanism) {
	on := r.curve(g.PublicKey.Curve)
	if on == nil {
		return
	}
	r.with(p11.ECPublic(on.keyType, on.params(), der([]byte(g.PublicKey.Edwards))), func(k handle) {
		for i := range g.Tests {
			c := &g.Tests[i]
			r.check(c, k, r.verify(new(), c.Msg, c.Sig, nil)...)
		}
	})
}
