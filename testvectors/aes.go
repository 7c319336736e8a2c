package testvectors

import (
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/p11"
	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// crypt is the trials of a mechanism that makes sealed of plain and plain of
// sealed. new makes the mechanism for one operation. cut says in what sizes it
// is done a second time, nil for not at all.
func (r *runner) crypt(c *wycheproof.Case, new func() p11.Mechanism, plain, sealed []byte, cut []int) []trial {
	t := new().Type
	list := []trial{{"decrypt", t, ck.CKF_DECRYPT, plain, func(k p11.Key) ([]byte, error) {
		return r.Decrypt(new(), k, sealed)
	}}}
	if cut != nil {
		list = append(list, trial{"decrypt in parts", t, ck.CKF_DECRYPT, plain, func(k p11.Key) ([]byte, error) {
			return r.Decrypt(new(), k, sealed, cut...)
		}})
	}
	// An invalid ciphertext says nothing about encryption, but for an IV that
	// must not be used at all.
	if c.Result == wycheproof.Invalid && !c.HasFlag("ZeroLengthIv") {
		return list
	}
	list = append(list, trial{"encrypt", t, ck.CKF_ENCRYPT, sealed, func(k p11.Key) ([]byte, error) {
		return r.Encrypt(new(), k, plain)
	}})
	if cut != nil {
		list = append(list, trial{"encrypt in parts", t, ck.CKF_ENCRYPT, sealed, func(k p11.Key) ([]byte, error) {
			return r.Encrypt(new(), k, plain, cut...)
		}})
	}
	return list
}

// aesPlain runs a mode without padding or tag: ECB, CBC or CTR.
func aesPlain(mech ck.MechanismType) func(*runner, *wycheproof.Group) {
	return func(r *runner, g *wycheproof.Group) {
		for i := range g.Tests {
			c := &g.Tests[i]
			new := func() p11.Mechanism { return aesMechanism(mech, c.IV) }
			r.with(p11.Secret(ck.CKK_AES, c.Key), func(k handle) {
				r.check(c, k, r.crypt(c, new, c.Msg, c.CT, parts)...)
			})
		}
	}
}

// aesMechanism is a mode without padding or tag: ECB, CBC or CTR.
func aesMechanism(mech ck.MechanismType, iv []byte) p11.Mechanism {
	switch mech {
	case ck.CKM_AES_ECB:
		return p11.Plain(mech)
	case ck.CKM_AES_CTR:
		return p11.CTR(iv, 128)
	}
	return p11.Bytes(mech, iv)
}

// aesMonteCarlo runs steps of the Monte Carlo tests of ECB or CBC (AESAVS, section 6.4): a
// thousand blocks one after the other, each the output before; in CBC mode the one before
// that, which is the IV at first.
func aesMonteCarlo(mech ck.MechanismType) func(*runner, *wycheproof.Group) {
	return func(r *runner, g *wycheproof.Group) {
		c := &g.Tests[0]
		do, from, t := r.EncryptOn, c.Msg, trial{"encrypt", mech, ck.CKF_ENCRYPT, c.CT, nil}
		if g.Type == "decrypt" {
			do, from, t = r.DecryptOn, c.CT, trial{"decrypt", mech, ck.CKF_DECRYPT, c.Msg, nil}
		}
		t.do = func(k p11.Key) ([]byte, error) {
			before := []byte(c.IV)
			return do(aesMechanism(mech, c.IV), k, from, 1000, func(out []byte) []byte {
				if mech == ck.CKM_AES_ECB {
					return out
				}
				next := before
				before = out
				return next
			})
		}
		r.with(p11.Secret(ck.CKK_AES, c.Key), func(k handle) { r.check(c, k, t) })
	}
}

func aesCBC(r *runner, g *wycheproof.Group) {
	for i := range g.Tests {
		c := &g.Tests[i]
		new := func() p11.Mechanism { return p11.Bytes(ck.CKM_AES_CBC_PAD, c.IV) }
		r.with(p11.Secret(ck.CKK_AES, c.Key), func(k handle) {
			r.check(c, k, r.crypt(c, new, c.Msg, c.CT, parts)...)
		})
	}
}

// aesXTS runs XTS. Keys for AES-192, which IEEE 1619 does not have, are passed over; the
// number of a data unit has its least significant byte first.
func aesXTS(r *runner, g *wycheproof.Group) {
	for i := range g.Tests {
		c := &g.Tests[i]
		if len(c.Key) != 32 && len(c.Key) != 64 {
			r.tally.skip("key of AES-192")
			continue
		}
		number := append(slices.Clone(c.IV), make([]byte, 16-len(c.IV))...)
		new := func() p11.Mechanism { return p11.Bytes(ck.CKM_AES_XTS, number) }
		r.with(p11.Secret(ck.CKK_AES_XTS, c.Key), func(k handle) {
			r.check(c, k, r.crypt(c, new, c.Msg, c.CT, parts)...)
		})
	}
}

// keyWrap runs key wrap both as the wrapping of keys, which is what it is for,
// and as a cipher, over each of the mechanisms that name the algorithm. Other
// modules mean different things by a second name, so they are asked for it only
// where they do not have the first.
func keyWrap(mechanisms ...ck.MechanismType) func(*runner, *wycheproof.Group) {
	return func(r *runner, g *wycheproof.Group) {
		names := mechanisms
		if r.foreign && r.token.Lists(names[0], 0) {
			names = names[:1]
		}
		for i := range g.Tests {
			c := &g.Tests[i]
			var trials []trial
			for _, m := range names {
				new := func() p11.Mechanism { return p11.Plain(m) }
				trials = append(trials, r.crypt(c, new, c.Msg, c.CT, nil)...)
				trials = append(trials, r.wrap(c, m)...)
			}
			r.with(p11.Secret(ck.CKK_AES, c.Key), func(k handle) { r.check(c, k, trials...) })
		}
	}
}

// wrap is the trials of wrapping a key. The binding cannot hand over a wrapped
// key of no bytes; as ciphertext it can, see crypt.
func (r *runner) wrap(c *wycheproof.Case, m ck.MechanismType) []trial {
	if len(c.CT) == 0 {
		return nil
	}
	list := []trial{{"unwrap", m, ck.CKF_UNWRAP, c.Msg, func(k p11.Key) ([]byte, error) {
		return r.Unwrap(p11.Plain(m), k, c.CT)
	}}}
	if c.Result != wycheproof.Invalid {
		list = append(list, trial{"wrap", m, ck.CKF_WRAP, c.CT, func(k p11.Key) ([]byte, error) {
			return r.Wrap(p11.Plain(m), k, c.Msg)
		}})
	}
	return list
}
