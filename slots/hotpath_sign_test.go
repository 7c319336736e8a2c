package slots_test

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/service"
)

// hotPair is a key pair for signatures, with what its mechanisms allocate. All of that is
// the library's, but for what is said.
type hotPair struct {
	ck.KeyType
	generation ck.MechanismType
	public     ck.Template
	// bars are by the mechanism; 0 stands for those that are not named.
	bars map[ck.MechanismType]signatureBar
}

// signatureBar is what C_SignInit and C_Sign may allocate, C_VerifyInit and C_Verify, and
// what it is more for a signature where RSA is the standard library's.
type signatureBar struct{ sign, verify, portable float64 }

var hotPairs = []hotPair{
	{
		KeyType: ck.CKK_RSA, generation: ck.CKM_RSA_PKCS_KEY_PAIR_GEN,
		public: ck.Template{ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048))},
		bars: map[ck.MechanismType]signatureBar{
			0:                   {0, 9, 2},
			ck.CKM_RSA_PKCS_PSS: {2, 13, 5}, // two states of the hash
			ck.CKM_RSA_X_509:    {2, 2, 1},  // a number of filippo.io/bigmod, and its bytes
		},
	},
	{
		KeyType: ck.CKK_EC, generation: ck.CKM_EC_KEY_PAIR_GEN,
		public: ck.Template{ck.Bytes(ck.CKA_EC_PARAMS, []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7})}, // P-256
		bars:   map[ck.MechanismType]signatureBar{0: {59, 11, 0}},
	},
	{
		KeyType: ck.CKK_EC_EDWARDS, generation: ck.CKM_EC_EDWARDS_KEY_PAIR_GEN,
		public: ck.Template{ck.Bytes(ck.CKA_EC_PARAMS, append([]byte{0x13, 12}, "edwards25519"...))},
		bars:   map[ck.MechanismType]signatureBar{0: {1, 0, 0}},
	},
}

// bar is that of a mechanism. Those of PSS that name a hash are as the one that does not.
func (p hotPair) bar(m api.MechanismInfo) signatureBar {
	name := m.Type
	if m.Param == ck.ParamRSAPSS {
		name = ck.CKM_RSA_PKCS_PSS
	}
	bar, ok := p.bars[name]
	if !ok {
		bar = p.bars[0]
	}
	if service.InUse().RSA == "portable" {
		bar.sign += bar.portable
	}
	return bar
}

// pssHashes are what the mechanisms of PSS name, and their mask generation.
var pssHashes = map[ck.MechanismType]ck.RSAPSSParams{
	ck.CKM_RSA_PKCS_PSS:          {Hash: ck.CKM_SHA256, MGF: ck.CKG_MGF1_SHA256},
	ck.CKM_SHA1_RSA_PKCS_PSS:     {Hash: ck.CKM_SHA_1, MGF: ck.CKG_MGF1_SHA1},
	ck.CKM_SHA224_RSA_PKCS_PSS:   {Hash: ck.CKM_SHA224, MGF: ck.CKG_MGF1_SHA224},
	ck.CKM_SHA256_RSA_PKCS_PSS:   {Hash: ck.CKM_SHA256, MGF: ck.CKG_MGF1_SHA256},
	ck.CKM_SHA384_RSA_PKCS_PSS:   {Hash: ck.CKM_SHA384, MGF: ck.CKG_MGF1_SHA384},
	ck.CKM_SHA512_RSA_PKCS_PSS:   {Hash: ck.CKM_SHA512, MGF: ck.CKG_MGF1_SHA512},
	ck.CKM_SHA3_224_RSA_PKCS_PSS: {Hash: ck.CKM_SHA3_224, MGF: ck.CKG_MGF1_SHA3_224},
	ck.CKM_SHA3_256_RSA_PKCS_PSS: {Hash: ck.CKM_SHA3_256, MGF: ck.CKG_MGF1_SHA3_256},
	ck.CKM_SHA3_384_RSA_PKCS_PSS: {Hash: ck.CKM_SHA3_384, MGF: ck.CKG_MGF1_SHA3_384},
	ck.CKM_SHA3_512_RSA_PKCS_PSS: {Hash: ck.CKM_SHA3_512, MGF: ck.CKG_MGF1_SHA3_512},
}

// hotParam is the parameter of a mechanism of signatures.
func hotParam(m api.MechanismInfo) any {
	if m.Param != ck.ParamRSAPSS {
		return nil
	}
	pss := pssHashes[m.Type]
	pss.SaltLen = 20
	return &pss
}

// signaturePair makes the keys of a pair.
func (p *hotpath) signaturePair(t testing.TB, pair hotPair) (public, private ck.ObjectHandle) {
	t.Helper()
	public, private, err := p.app.GenerateKeyPair(p.h, &ck.Mechanism{Type: pair.generation},
		append(pair.public, ck.Bool(ck.CKA_VERIFY, true)), ck.Template{ck.Bool(ck.CKA_SIGN, true)})
	p.must(t, err)
	return public, private
}

// TestHotPathOfSignatures has every mechanism that private keys sign with.
func TestHotPathOfSignatures(t *testing.T) {
	p := newHotpath(t)
	p.src, p.dst = make([]byte, 32), make([]byte, 512)
	for _, pair := range hotPairs {
		public, private := p.signaturePair(t, pair)
		for _, info := range service.All() {
			r, _ := service.Lookup(info.Type)
			if r.Sign == nil || !r.Accepts(pair.KeyType) {
				continue
			}
			m := &ck.Mechanism{Type: info.Type, Param: hotParam(info)}
			bar := pair.bar(info)
			allocatesIn(t, 20, "signature by "+info.Type.String(), bar.sign, func() { p.sign(t, m, private) })
			allocatesIn(t, 20, "verification by "+info.Type.String(), bar.verify, func() { p.verify(t, m, public) })
		}
	}
}

// BenchmarkModuleSign is the one-shot signature, and its verification.
func BenchmarkModuleSign(b *testing.B) {
	for _, c := range []struct {
		ck.MechanismType
		pair hotPair
	}{
		{ck.CKM_RSA_PKCS, hotPairs[0]}, {ck.CKM_SHA256_RSA_PKCS_PSS, hotPairs[0]},
		{ck.CKM_ECDSA_SHA256, hotPairs[1]}, {ck.CKM_EDDSA, hotPairs[2]},
	} {
		p := newHotpath(b)
		p.src, p.dst = make([]byte, 32), make([]byte, 512)
		public, private := p.signaturePair(b, c.pair)
		r, _ := service.Lookup(c.MechanismType)
		m := &ck.Mechanism{Type: c.MechanismType, Param: hotParam(*r.Info())}
		b.Run(c.MechanismType.String()+"/sign", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.sign(b, m, private)
			}
		})
		p.sign(b, m, private)
		b.Run(c.MechanismType.String()+"/verify", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.verify(b, m, public)
			}
		})
	}
}
