package service

import (
	"crypto/cipher"
	"math"

	"golang.org/x/crypto/chacha20"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// ChaCha20 (section 6.58), the stream cipher alone.
func init() {
	register(chachaKeyGen(), ciphering(newChaCha20, chachaMechanism(ck.CKM_CHACHA20, ck.ParamChaCha20)))
}

// The sizes of nonces in bytes: the original cipher, RFC 8439, XChaCha20.
const (
	originalNonceSize = 8
	ietfNonceSize     = chacha20.NonceSize
	extendedNonceSize = chacha20.NonceSizeX
)

const chachaBlockSize = 64

// chachaMechanism is a mechanism of ChaCha20 keys. Whether their size is told in
// bits or bytes the standard says both ways; it is bytes, as elsewhere.
func chachaMechanism(t ck.MechanismType, param ck.ParamKind) Mechanism {
	return Mechanism{Type: t, Min: chacha20.KeySize, Max: chacha20.KeySize, Param: param, KeyTypes: []ck.KeyType{ck.CKK_CHACHA20}}
}

// chachaKeyGen needs no CKA_VALUE_LEN, as there is only one length.
func chachaKeyGen() Mechanism {
	m := chachaMechanism(ck.CKM_CHACHA20_KEY_GEN, ck.ParamNone)
	m.GenerateKey = func(_ *ck.Mechanism, tmpl ck.Template) (ck.Template, error) {
		if _, found := tmpl.Find(ck.CKA_VALUE_LEN); !found {
			tmpl = append(tmpl[:len(tmpl):len(tmpl)], ck.Ulong[uint64](ck.CKA_VALUE_LEN, chacha20.KeySize))
		}
		return generateSecret(ck.CKK_CHACHA20, tmpl, func(n uint64) bool { return n == chacha20.KeySize })
	}
	return m
}

// newChaCha20 starts the cipher at any block. The library counts blocks in 32
// bits; of the variants that have 64, the upper half stays as it is at the start,
// so that the message ends there.
func newChaCha20(k *Key, m *ck.Mechanism, d direction) (api.Cipher, error) {
	first := m.Param.(*ck.ChaCha20Params).Counter & math.MaxUint32
	return newStream(k, m, d, chachaBlockSize*(math.MaxUint32-first+1), chachaBlockSize, chachaAt)
}

// chachaAt is the streamAt of ChaCha20.
func chachaAt(c *ctrCipher, n uint64) (cipher.Stream, error) {
	p := c.mechanism.Param.(*ck.ChaCha20Params)
	key, err := c.key.chacha()
	if err != nil {
		return nil, err
	}
	nonce, upper := p.Nonce, uint32(p.Counter>>32)
	if len(nonce) == originalNonceSize { // its counter reaches where RFC 8439 has the nonce begin
		nonce = append([]byte{byte(upper), byte(upper >> 8), byte(upper >> 16), byte(upper >> 24)}, nonce...)
		upper = 0
	}
	if upper != 0 || len(nonce) != ietfNonceSize && len(nonce) != extendedNonceSize {
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	stream, err := chacha20.NewUnauthenticatedCipher(key.value[:], nonce)
	if err != nil {
		return nil, refusal(err)
	}
	if first := p.Counter & math.MaxUint32; first+n <= math.MaxUint32 { // else nothing is left of it
		stream.SetCounter(uint32(first + n))
	}
	return stream, nil
}
