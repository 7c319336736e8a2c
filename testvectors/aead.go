package testvectors

import (
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/p11"
	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// aead runs an authenticated cipher: as C_Encrypt, where the tag follows the
// ciphertext, and as messages, where it is apart.
func aead(keyType ck.KeyType, mech ck.MechanismType) func(*runner, *wycheproof.Group) {
	return func(r *runner, g *wycheproof.Group) {
		for i := range g.Tests {
			c := &g.Tests[i]
			new := func() p11.Mechanism { return aeadMechanism(mech, c, g.TagSize) }
			m := p11.Message{Type: mech, Nonce: c.IV, AAD: c.AAD, TagSize: g.TagSize / 8}
			r.with(p11.Secret(keyType, c.Key), func(k handle) {
				trials := r.crypt(c, new, c.Msg, slices.Concat(c.CT, c.Tag), parts)
				r.check(c, k, append(trials, r.messages(c, m)...)...)
			})
		}
	}
}

func aeadMechanism(mech ck.MechanismType, c *wycheproof.Case, tagBits int) p11.Mechanism {
	switch mech {
	case ck.CKM_AES_CCM:
		return p11.CCM(c.IV, c.AAD, len(c.CT), tagBits/8)
	case ck.CKM_CHACHA20_POLY1305:
		return p11.ChaCha20Poly1305(c.IV, c.AAD)
	}
	return p11.GCM(c.IV, c.AAD, tagBits)
}

// messages is the trials of crypt as messages.
func (r *runner) messages(c *wycheproof.Case, m p11.Message) (list []trial) {
	for name, cut := range map[string][]int{"": nil, " in parts": parts} {
		list = append(list, trial{"decrypt a message" + name, m.Type, ck.CKF_MESSAGE_DECRYPT, c.Msg, func(k p11.Key) ([]byte, error) {
			return r.DecryptMessage(m, k, c.CT, c.Tag, cut...)
		}})
		if c.Result != wycheproof.Invalid || c.HasFlag("ZeroLengthIv") {
			list = append(list, trial{"encrypt a message" + name, m.Type, ck.CKF_MESSAGE_ENCRYPT, slices.Concat(c.CT, c.Tag), func(k p11.Key) ([]byte, error) {
				return r.EncryptMessage(m, k, c.Msg, cut...)
			}})
		}
	}
	return list
}
