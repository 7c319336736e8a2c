package slots_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"hash"
	"math/big"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

var twinMechanisms = []api.MechanismInfo{
	{Type: ck.CKM_AES_KEY_GEN, Flags: ck.CKF_GENERATE, Min: 16, Max: 32},
	{Type: ck.CKM_AES_ECB, Flags: ck.CKF_ENCRYPT | ck.CKF_DECRYPT, Min: 16, Max: 32},
	{Type: ck.CKM_AES_GCM, Flags: ck.CKF_MESSAGE_ENCRYPT | ck.CKF_MESSAGE_DECRYPT, Min: 16, Max: 32},
	{Type: ck.CKM_SHA256, Flags: ck.CKF_DIGEST},
	{Type: ck.CKM_SHA256_HMAC, Flags: ck.CKF_SIGN | ck.CKF_VERIFY},
	{Type: ck.CKM_RSA_PKCS_KEY_PAIR_GEN, Flags: ck.CKF_GENERATE_KEY_PAIR},
	{Type: ck.CKM_RSA_PKCS, Flags: ck.CKF_SIGN | ck.CKF_VERIFY | ck.CKF_SIGN_RECOVER | ck.CKF_VERIFY_RECOVER},
}

// twinRSA is the one RSA key of the twin.
var twinRSA = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// put is the contract of output buffers for an output that is there already.
func put(dst, out []byte) (int, error) {
	switch {
	case dst == nil:
		return len(out), nil
	case len(dst) < len(out):
		return len(out), ck.CKR_BUFFER_TOO_SMALL
	}
	return copy(dst, out), nil
}

// use finds the key for a mechanism and checks that it may do what flag says.
func (p *twinPartition) use(who api.Caller, m *ck.Mechanism, key api.ObjectID, flag ck.AttributeType, allowed ...ck.MechanismType) (*twinObject, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, err := p.object(who, key)
	if err != nil {
		return nil, err
	}
	for _, t := range allowed {
		if t == m.Type && !o.flag(flag) {
			return nil, ck.CKR_KEY_FUNCTION_NOT_PERMITTED
		} else if t == m.Type {
			return o, nil
		}
	}
	return nil, ck.CKR_MECHANISM_INVALID
}

// twinCipher does a block mode in parts; what is left over at the end is an error.
type twinCipher struct {
	block   func(dst, src []byte)
	rest    []byte
	lengthy ck.RV // the code for a length that is no multiple of the block
}

func (c *twinCipher) Close() {}

func (c *twinCipher) blocks(src []byte) []byte {
	out := make([]byte, len(src))
	for i := 0; i < len(src); i += aes.BlockSize {
		c.block(out[i:], src[i:])
	}
	return out
}

func (c *twinCipher) OneShot(dst, src []byte) (int, error) {
	if len(src)%aes.BlockSize != 0 {
		return 0, c.lengthy
	}
	return put(dst, c.blocks(src))
}

func (c *twinCipher) Update(dst, src []byte) (int, error) {
	all := append(append([]byte{}, c.rest...), src...)
	n := len(all) / aes.BlockSize * aes.BlockSize
	written, err := put(dst, c.blocks(all[:n]))
	if err == nil && dst != nil {
		c.rest = all[n:]
	}
	return written, err
}

func (c *twinCipher) Final(dst []byte) (int, error) {
	if len(c.rest) > 0 {
		return 0, c.lengthy
	}
	return put(dst, nil)
}

func (p *twinPartition) aes(who api.Caller, m *ck.Mechanism, key api.ObjectID, flag ck.AttributeType) (cipher.Block, error) {
	o, err := p.use(who, m, key, flag, ck.CKM_AES_ECB)
	if err != nil {
		return nil, err
	}
	b, err := aes.NewCipher(o.value(ck.CKA_VALUE))
	if err != nil {
		return nil, ck.CKR_KEY_SIZE_RANGE
	}
	return b, nil
}

func (p *twinPartition) Encrypt(who api.Caller, m *ck.Mechanism, key api.ObjectID) (api.Cipher, error) {
	b, err := p.aes(who, m, key, ck.CKA_ENCRYPT)
	if err != nil {
		return nil, err
	}
	return &twinCipher{block: b.Encrypt, lengthy: ck.CKR_DATA_LEN_RANGE}, nil
}

func (p *twinPartition) Decrypt(who api.Caller, m *ck.Mechanism, key api.ObjectID) (api.Cipher, error) {
	b, err := p.aes(who, m, key, ck.CKA_DECRYPT)
	if err != nil {
		return nil, err
	}
	return &twinCipher{block: b.Decrypt, lengthy: ck.CKR_ENCRYPTED_DATA_LEN_RANGE}, nil
}

// twinHash digests, and signs when it is an HMAC.
type twinHash struct{ hash.Hash }

func (h *twinHash) Close()                   {}
func (h *twinHash) Update(data []byte) error { h.Write(data); return nil }
func (h *twinHash) Final(dst []byte) (int, error) {
	return put(dst, h.Sum(nil))
}

func (h *twinHash) OneShot(dst, data []byte) (int, error) {
	if dst != nil && len(dst) >= h.Size() {
		h.Write(data)
	}
	return put(dst, h.Sum(nil))
}

// twinCheck verifies an HMAC.
type twinCheck struct{ *twinHash }

func (v twinCheck) OneShot(data, signature []byte) error {
	v.Write(data)
	return v.Final(signature)
}

func (v twinCheck) Final(signature []byte) error {
	switch {
	case len(signature) != v.Size():
		return ck.CKR_SIGNATURE_LEN_RANGE
	case !hmac.Equal(signature, v.Sum(nil)):
		return ck.CKR_SIGNATURE_INVALID
	}
	return nil
}

func (p *twinPartition) Digest(m *ck.Mechanism) (api.Digester, error) {
	if m.Type != ck.CKM_SHA256 {
		return nil, ck.CKR_MECHANISM_INVALID
	}
	return &twinHash{sha256.New()}, nil
}

func (p *twinPartition) DigestKey(who api.Caller, d api.Digester, key api.ObjectID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, err := p.object(who, key)
	if err != nil {
		return err
	}
	return d.Update(o.value(ck.CKA_VALUE))
}

func (p *twinPartition) Sign(who api.Caller, m *ck.Mechanism, key api.ObjectID) (api.Signer, error) {
	o, err := p.use(who, m, key, ck.CKA_SIGN, ck.CKM_SHA256_HMAC, ck.CKM_RSA_PKCS)
	switch {
	case err != nil:
		return nil, err
	case m.Type == ck.CKM_SHA256_HMAC:
		return &twinHash{hmac.New(sha256.New, o.value(ck.CKA_VALUE))}, nil
	case o.flag(ck.CKA_ALWAYS_AUTHENTICATE):
		return &twinSecond{p: p, user: p.identities[who.Identity]}, nil
	}
	return twinRSASigner{}, nil
}

func (p *twinPartition) Verify(who api.Caller, m *ck.Mechanism, key api.ObjectID) (api.Verifier, error) {
	o, err := p.use(who, m, key, ck.CKA_VERIFY, ck.CKM_SHA256_HMAC)
	if err != nil {
		return nil, err
	}
	return twinCheck{&twinHash{hmac.New(sha256.New, o.value(ck.CKA_VALUE))}}, nil
}

// twinRSASigner is RSA with the padding of PKCS #1, in one call only.
type twinRSASigner struct{}

func (twinRSASigner) Close()                    {}
func (twinRSASigner) Update([]byte) error       { return ck.CKR_OPERATION_NOT_INITIALIZED }
func (twinRSASigner) Final([]byte) (int, error) { return 0, ck.CKR_OPERATION_NOT_INITIALIZED }
func (twinRSASigner) OneShot(dst, data []byte) (int, error) {
	out, err := rsa.SignPKCS1v15(nil, twinRSA(), 0, data)
	if err != nil {
		return 0, ck.CKR_DATA_LEN_RANGE
	}
	return put(dst, out)
}

// twinSecond asks for a second login.
type twinSecond struct {
	twinRSASigner
	p    *twinPartition
	user twinUser
	in   bool
}

func (s *twinSecond) Authenticate(pin []byte) error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	err := s.p.check(s.user, pin)
	s.in = err == nil
	return err
}

func (s *twinSecond) OneShot(dst, data []byte) (int, error) {
	if !s.in {
		return 0, ck.CKR_USER_NOT_LOGGED_IN
	}
	return s.twinRSASigner.OneShot(dst, data)
}

// twinRecover is sign-recover and verify-recover, which have no parts.
type twinRecover struct {
	twinRSASigner
	back bool
}

func (r twinRecover) Update(_, _ []byte) (int, error) { return 0, ck.CKR_OPERATION_NOT_INITIALIZED }
func (r twinRecover) OneShot(dst, src []byte) (int, error) {
	if !r.back {
		return r.twinRSASigner.OneShot(dst, src)
	}
	key := twinRSA()
	if len(src) != key.Size() {
		return 0, ck.CKR_SIGNATURE_LEN_RANGE
	}
	em := new(big.Int).Exp(new(big.Int).SetBytes(src), big.NewInt(int64(key.E)), key.N).FillBytes(make([]byte, key.Size()))
	i := 2
	for i < len(em) && em[i] == 0xff {
		i++
	}
	if em[0] != 0 || em[1] != 1 || i < 10 || i == len(em) || em[i] != 0 {
		return 0, ck.CKR_SIGNATURE_INVALID
	}
	return put(dst, em[i+1:])
}

func (p *twinPartition) SignRecover(who api.Caller, m *ck.Mechanism, key api.ObjectID) (api.Cipher, error) {
	_, err := p.use(who, m, key, ck.CKA_SIGN_RECOVER, ck.CKM_RSA_PKCS)
	return twinRecover{}, err
}

func (p *twinPartition) VerifyRecover(who api.Caller, m *ck.Mechanism, key api.ObjectID) (api.Cipher, error) {
	_, err := p.use(who, m, key, ck.CKA_VERIFY_RECOVER, ck.CKM_RSA_PKCS)
	return twinRecover{back: true}, err
}
