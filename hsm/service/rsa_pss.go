package service

import (
	"crypto/rsa"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	rawrsa "github.com/coffer-hsm/coffer/hsm/crypto/rsa"
)

func init() {
	m := rsaMechanism(ck.CKM_RSA_PKCS_PSS, ck.ParamRSAPSS)
	m.Sign, m.Verify = signPSS(nil), verifyPSS(nil)
	register(m)
	for i := range hashes {
		if h := &hashes[i]; h.rsaPSS != 0 {
			m := rsaMechanism(h.rsaPSS, ck.ParamRSAPSS)
			m.Sign, m.Verify = signPSS(h), verifyPSS(h)
			register(m)
		}
	}
}

// pss is the checked parameter of PSS.
type pss struct {
	hash, mgf *hashInfo
	salt      int
}

// newPSS checks the parameter for a key of so many bits. h is the hash that the
// mechanism itself names, nil if it names none.
func newPSS(m *ck.Mechanism, h *hashInfo, bits int) (pss, error) {
	param := m.Param.(*ck.RSAPSSParams)
	hash, known := hashByMechanism(param.Hash)
	mgf, knownMGF := hashByMGF(param.MGF)
	if !known || !knownMGF || h != nil && h != hash {
		return pss{}, ck.CKR_MECHANISM_PARAM_INVALID
	}
	p := pss{hash: hash, mgf: mgf}
	maxSalt := rawrsa.MaxSalt(bits, hash.size)
	if maxSalt < 0 {
		return pss{}, ck.CKR_KEY_SIZE_RANGE
	}
	if param.SaltLen > uint64(maxSalt) {
		return pss{}, ck.CKR_MECHANISM_PARAM_INVALID
	}
	p.salt = int(param.SaltLen)
	return p, saltAllowed(p.salt, hash)
}

// digest is the limits of the data of a mechanism that names no hash.
func (p pss) digest() wholeIntake { return wholeIntake{min: p.hash.size, max: p.hash.size} }

// options returns the parameter for crypto/rsa, which has one hash for both
// purposes and takes a salt of no bytes for a question.
func (p pss) options() (opts *rsa.PSSOptions, ok bool) {
	return &rsa.PSSOptions{SaltLength: p.salt, Hash: p.hash.hash}, p.hash == p.mgf && p.salt > 0
}

func (p pss) bare() rawrsa.PSS {
	return rawrsa.PSS{Hash: p.hash.new, MGF: p.mgf.new, SaltLen: p.salt}
}

func (k *rsaPublicKey) verifyPSS(p pss, digest, sig []byte) bool {
	if opts, ok := p.options(); ok {
		return rsa.VerifyPSS(k.PublicKey, p.hash.hash, digest, sig, opts) == nil
	}
	raw, err := k.raw()
	return err == nil && p.bare().Verify(raw, digest, sig) == nil
}

func signPSS(h *hashInfo) func(*Key, *ck.Mechanism) (api.Signer, error) {
	way := &signing[*rsaPrivateKey, pss]{sign: (*rsaPrivateKey).signPSS}
	return func(k *Key, m *ck.Mechanism) (api.Signer, error) {
		priv, err := rsaPrivate(k)
		if err != nil {
			return nil, err
		}
		p, err := newPSS(m, h, priv.N.BitLen())
		if err != nil {
			return nil, err
		}
		s := way.start(priv, &priv.wipeable, p, priv.Size())
		s.begin(h, p.digest())
		return s, nil
	}
}

func verifyPSS(h *hashInfo) func(*Key, *ck.Mechanism) (api.Verifier, error) {
	way := &verifying[*rsaPublicKey, pss]{verify: (*rsaPublicKey).verifyPSS}
	return func(k *Key, m *ck.Mechanism) (api.Verifier, error) {
		pub, err := rsaPublic(k)
		if err != nil {
			return nil, err
		}
		p, err := newPSS(m, h, pub.N.BitLen())
		if err != nil {
			return nil, err
		}
		v := way.start(pub, p, pub.Size())
		v.begin(h, p.digest())
		return v, nil
	}
}
