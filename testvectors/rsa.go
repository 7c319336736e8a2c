package testvectors

import (
	"bytes"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/p11"
	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// rsaPrivate is the template of a group's private key.
func rsaPrivate(g *wycheproof.Group) p11.Template {
	k := &g.PrivateKey
	return p11.RSAPrivate(p11.RSAValues{
		Modulus: k.Modulus, PublicExponent: k.PublicExponent, PrivateExponent: k.PrivateExponent,
		Prime1: k.Prime1, Prime2: k.Prime2,
		Exponent1: k.Exponent1, Exponent2: k.Exponent2, Coefficient: k.Coefficient,
	})
}

// rsaDecrypt runs decryption with the mechanism that new makes of a test.
func (r *runner) rsaDecrypt(g *wycheproof.Group, new func(*wycheproof.Case) p11.Mechanism) {
	r.with(rsaPrivate(g), func(k handle) {
		for i := range g.Tests {
			c := &g.Tests[i]
			r.check(c, k, trial{"decrypt", new(c).Type, ck.CKF_DECRYPT, c.Msg, func(k p11.Key) ([]byte, error) {
				return r.Decrypt(new(c), k, c.CT)
			}})
		}
	})
}

func rsaPKCS1Decrypt(r *runner, g *wycheproof.Group) {
	r.rsaDecrypt(g, func(*wycheproof.Case) p11.Mechanism { return p11.Plain(ck.CKM_RSA_PKCS) })
}

func rsaOAEP(r *runner, g *wycheproof.Group) {
	hash, mgf := r.hashAndMGF(g)
	if hash == nil {
		return
	}
	r.rsaDecrypt(g, func(c *wycheproof.Case) p11.Mechanism { return p11.OAEP(hash.digest, mgf, c.Label) })
}

// rsaPKCS1Way is a way to a signature of PKCS #1 v1.5: what is handed over to
// which mechanism.
type rsaPKCS1Way struct {
	mech ck.MechanismType
	data []byte
	cut  []int
}

// rsaPKCS1Ways are those of a message: padded outside, as a DigestInfo, and
// hashed inside.
func rsaPKCS1Ways(h *hashNames, msg []byte, size int) []rsaPKCS1Way {
	info := h.digestInfo(msg)
	list := []rsaPKCS1Way{
		{ck.CKM_RSA_X_509, encodePKCS1(info, size), nil},
		{ck.CKM_RSA_PKCS, info, nil},
	}
	if h.rsaPKCS != 0 {
		list = append(list, rsaPKCS1Way{h.rsaPKCS, msg, parts})
	}
	return list
}

// encodePKCS1 is EMSA-PKCS1-v1_5 (RFC 8017, section 9.2) of a DigestInfo for a
// modulus of size bytes.
func encodePKCS1(info []byte, size int) []byte {
	em := bytes.Repeat([]byte{0xff}, size)
	em[0], em[1], em[size-len(info)-1] = 0, 1, 0
	copy(em[size-len(info):], info)
	return em
}

// modulusSize is the length of a modulus in bytes.
func modulusSize(modulus []byte) int { return len(bytes.TrimLeft(modulus, "\x00")) }

// rsaPKCS1 runs a group with a key of that modulus. ask makes the trials.
func (r *runner) rsaPKCS1(g *wycheproof.Group, key p11.Template, modulus []byte,
	ask func(m p11.Mechanism, data, signature []byte, cut []int) []trial) {
	h := r.hash(g)
	if h == nil {
		return
	}
	r.with(key, func(k handle) {
		for i := range g.Tests {
			c := &g.Tests[i]
			var trials []trial
			for _, w := range rsaPKCS1Ways(h, c.Msg, modulusSize(modulus)) {
				trials = append(trials, ask(p11.Plain(w.mech), w.data, c.Sig, w.cut)...)
			}
			r.check(c, k, trials...)
		}
	})
}

func rsaPKCS1Verify(r *runner, g *wycheproof.Group) {
	k := &g.PublicKey
	r.rsaPKCS1(g, p11.RSAPublic(k.Modulus, k.Exponent), k.Modulus, r.verify)
}

// rsaPKCS1Sign runs the files of generated signatures: a signature of PKCS #1
// v1.5 has one right value. The keys come without their primes.
func rsaPKCS1Sign(r *runner, g *wycheproof.Group) {
	r.rsaPKCS1(g, rsaPrivate(g), g.PrivateKey.Modulus, r.sign)
}

func rsaPSS(r *runner, g *wycheproof.Group) {
	h, mgf := r.hashAndMGF(g)
	if h == nil {
		return
	}
	r.with(p11.RSAPublic(g.PublicKey.Modulus, g.PublicKey.Exponent), func(k handle) {
		for i := range g.Tests {
			c := &g.Tests[i]
			trials := r.verify(p11.PSS(ck.CKM_RSA_PKCS_PSS, h.digest, mgf, g.SaltLen), h.sum(c.Msg), c.Sig, nil)
			if h.rsaPSS != 0 {
				trials = append(trials, r.verify(p11.PSS(h.rsaPSS, h.digest, mgf, g.SaltLen), c.Msg, c.Sig, parts)...)
			}
			r.check(c, k, trials...)
		}
	})
}
