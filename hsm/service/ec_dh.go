package service

import (
	"encoding/binary"
	"hash"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

func init() {
	// All our curves have the cofactor 1 or, in X25519, take care of it themselves,
	// so the two mechanisms are the same.
	for _, t := range []ck.MechanismType{ck.CKM_ECDH1_DERIVE, ck.CKM_ECDH1_COFACTOR_DERIVE} {
		m := ecMechanism(t)
		m.Param = ck.ParamECDH1
		m.KeyTypes = []ck.KeyType{ck.CKK_EC, ck.CKK_EC_MONTGOMERY}
		m.Derive = deriveECDH
		m.Encapsulate, m.Decapsulate = encapsulateECDH, decapsulateECDH
		register(m)
	}
}

// deriveECDH is CKM_ECDH1_DERIVE (section 6.3.20).
func deriveECDH(k *Key, m *ck.Mechanism, n int) (*secret.Bytes, error) {
	priv, err := parsedAs[*ecPrivateKey](k)
	if err != nil {
		return nil, err
	}
	p := m.Param.(*ck.ECDH1Params)
	kdf, err := kdfOf(p)
	if err != nil {
		return nil, err
	}
	return priv.shared(kdf, p, p.PublicData, n)
}

// shared is the secret of n bytes that the other side of peer has too. Without a key
// derivation function it is cut at its front.
func (k *ecPrivateKey) shared(f *kdf, p *ck.ECDH1Params, peer []byte, n int) (*secret.Bytes, error) {
	z, err := k.agree(peer)
	if err != nil {
		return nil, err
	}
	defer clear(z)
	if f != nil {
		return f.derive(z, p.SharedData, n)
	}
	if n == 0 {
		n = len(z)
	}
	if n > len(z) {
		return nil, ck.CKR_KEY_SIZE_RANGE
	}
	return secret.From(z[len(z)-n:]), nil
}

// agree computes the shared secret: the x coordinate, curve.size bytes. A peer's
// point that is none, or whose secret would be zero, is CKR_MECHANISM_PARAM_INVALID.
func (k *ecPrivateKey) agree(peer []byte) ([]byte, error) {
	pub, err := k.curve.publicKey(peer)
	if err != nil {
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	if k.dh == nil {
		return k.agreeWithout(pub)
	}
	point, err := k.curve.dh.NewPublicKey(pub.point)
	if err != nil {
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	z, err := k.dh.ECDH(point)
	if err != nil {
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	return z, nil
}

// agreeWithout is for P-224, which crypto/ecdh leaves out. crypto/elliptic has the
// constant-time multiplication that crypto/ecdsa uses; that the point is on the
// curve has been checked, and the order is prime, so no result is at infinity.
func (k *ecPrivateKey) agreeWithout(pub *ecPublicKey) ([]byte, error) {
	if k.curve.nist == nil {
		return nil, ck.CKR_KEY_TYPE_INCONSISTENT
	}
	x, y := k.curve.nist.ScalarMult(pub.ecdsa.X, pub.ecdsa.Y, k.value)
	if x.Sign() == 0 && y.Sign() == 0 {
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	z := x.FillBytes(make([]byte, k.curve.size))
	clear(x.Bits())
	clear(y.Bits())
	return z, nil
}

// kdf is a key derivation function over a hash. The two kinds differ in where
// the counter stands.
type kdf struct {
	hash         func() hash.Hash
	counterFirst bool
}

// sp800KDFs are the functions of NIST SP 800-56A section 5.8.1 (now SP 800-56C,
// section 4): the counter comes first. In those of ANSI X9.63 the secret does.
var sp800KDFs = map[ck.KDF]ck.MechanismType{
	ck.CKD_SHA1_KDF_SP800:     ck.CKM_SHA_1,
	ck.CKD_SHA224_KDF_SP800:   ck.CKM_SHA224,
	ck.CKD_SHA256_KDF_SP800:   ck.CKM_SHA256,
	ck.CKD_SHA384_KDF_SP800:   ck.CKM_SHA384,
	ck.CKD_SHA512_KDF_SP800:   ck.CKM_SHA512,
	ck.CKD_SHA3_224_KDF_SP800: ck.CKM_SHA3_224,
	ck.CKD_SHA3_256_KDF_SP800: ck.CKM_SHA3_256,
	ck.CKD_SHA3_384_KDF_SP800: ck.CKM_SHA3_384,
	ck.CKD_SHA3_512_KDF_SP800: ck.CKM_SHA3_512,
}

// kdfOf returns the function that the parameter names, nil for CKD_NULL, which
// must come without shared data.
func kdfOf(p *ck.ECDH1Params) (*kdf, error) {
	if h, ok := hashByKDF(p.KDF); ok {
		return &kdf{hash: h.new}, nil
	}
	if h, ok := hashByMechanism(sp800KDFs[p.KDF]); ok {
		return &kdf{hash: h.new, counterFirst: true}, nil
	}
	if p.KDF != ck.CKD_NULL || len(p.SharedData) > 0 {
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	return nil, nil
}

// maxDerived limits what a key derivation function is asked for, in bytes.
const maxDerived = 1 << 20

// derive makes n bytes of z and the shared data. There is no natural length, so
// the caller has to name one: CKR_TEMPLATE_INCOMPLETE.
func (f *kdf) derive(z, shared []byte, n int) (*secret.Bytes, error) {
	switch {
	case n == 0:
		return nil, ck.Errorf(ck.CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN is missing")
	case n > maxDerived:
		return nil, ck.CKR_KEY_SIZE_RANGE
	}
	h := f.hash()
	defer h.Reset()
	out := make([]byte, 0, n+h.Size())
	for counter := uint32(1); len(out) < n; counter++ {
		h.Reset()
		c := binary.BigEndian.AppendUint32(nil, counter)
		if f.counterFirst {
			h.Write(c)
			h.Write(z)
		} else {
			h.Write(z)
			h.Write(c)
		}
		h.Write(shared)
		out = h.Sum(out)
	}
	clear(out[n:])
	return secret.From(out[:n]), nil
}
