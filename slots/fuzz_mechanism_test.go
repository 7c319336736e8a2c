package slots_test

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// number is one that means something somewhere, or nothing anywhere.
func (s *source) number() uint64 {
	numbers := []uint64{0, 1, 2, 4, 12, 16, 32, 96, 128, 256, 1 << 20, 1 << 40, 1<<64 - 1, uint64(ck.CKM_SHA256), uint64(ck.CKG_MGF1_SHA256), uint64(s.byte())}
	return numbers[s.pick(len(numbers))]
}

// params makes a parameter of each kind. That it is of the mechanism's kind is what
// the shell sees to, which reads it; what is in it, nobody does.
var params = map[ck.ParamKind]func(*source) any{
	ck.ParamNone:          func(*source) any { return nil },
	ck.ParamBytes:         func(s *source) any { return &ck.BytesParam{Bytes: s.bytes()} },
	ck.ParamOptionalBytes: func(s *source) any { return &ck.BytesParam{Bytes: s.bytes()} },
	ck.ParamKeyData:       func(s *source) any { return &ck.BytesParam{Bytes: s.bytes()} },
	ck.ParamUlong:         func(s *source) any { return &ck.UlongParam{Value: s.number()} },
	ck.ParamRSAPSS: func(s *source) any {
		return &ck.RSAPSSParams{Hash: s.mechanism(), MGF: ck.MGF(s.number()), SaltLen: s.number()}
	},
	ck.ParamRSAOAEP: func(s *source) any { return s.oaep() },
	ck.ParamECDH1: func(s *source) any {
		return &ck.ECDH1Params{KDF: ck.KDF(s.number()), SharedData: s.bytes(), PublicData: s.bytes()}
	},
	ck.ParamAESCTR: func(s *source) any {
		return &ck.CTRParams{Bits: s.number(), Block: [16]byte(append(s.bytes(), make([]byte, 16)...))}
	},
	ck.ParamGCM: func(s *source) any {
		return s.aead(ck.GCMMessage, &ck.GCMParams{IV: s.bytes(), AAD: s.bytes(), TagBits: s.number()})
	},
	ck.ParamEdDSA:      func(s *source) any { return &ck.EdDSAParams{PreHash: s.byte()&1 == 1, Context: s.bytes()} },
	ck.ParamRSAAESWrap: func(s *source) any { return &ck.RSAAESWrapParams{AESBits: s.number(), OAEP: *s.oaep()} },
	ck.ParamCCM: func(s *source) any {
		return s.aead(ck.CCMMessage, &ck.CCMParams{DataLen: s.number(), MACLen: s.number(), Nonce: s.bytes(), AAD: s.bytes()})
	},
	ck.ParamChaCha20:       func(s *source) any { return &ck.ChaCha20Params{Counter: s.number(), Nonce: s.bytes()} },
	ck.ParamCBCEncryptData: func(s *source) any { return &ck.CBCEncryptDataParams{Data: s.bytes()} },
	ck.ParamChaCha20Poly1305: func(s *source) any {
		return &ck.ChaCha20Poly1305Params{Nonce: s.bytes(), AAD: s.bytes()}
	},
	ck.ParamHKDF: func(s *source) any {
		flags := s.byte()
		return &ck.HKDFParams{Extract: flags&1 == 1, Expand: flags&2 == 2, Hash: s.mechanism(), SaltType: ck.Flags(s.number()),
			Salt: s.bytes(), Info: s.bytes(), SaltKey: ck.ObjectHandle(s.number())}
	},
}

func (s *source) oaep() *ck.RSAOAEPParams {
	return &ck.RSAOAEPParams{Hash: s.mechanism(), MGF: ck.MGF(s.number()), Source: s.number(), Label: s.bytes()}
}

// aead is one of the three parameters that the shell may read for AES-GCM and AES-CCM.
func (s *source) aead(kind ck.MessageKind, plain any) any {
	switch s.pick(3) {
	case 0:
		return &ck.WrapParams{Nonce: s.bytes(), AAD: s.bytes(), TagBits: s.number(), FixedBits: s.number(), Generator: s.number()}
	case 1:
		tag := s.bytes()
		return &ck.MessageParams{Kind: kind, Nonce: s.bytes(), FixedBits: s.number(), Generator: s.number(), Tag: tag, TagSize: len(tag), DataLen: s.number()}
	default:
		return plain
	}
}

// mechanism is the type of some mechanism, or of none.
func (s *source) mechanism() ck.MechanismType {
	types := []ck.MechanismType{ck.CKM_SHA256, ck.CKM_SHA512, ck.CKM_SHA_1, ck.CKM_AES_ECB, 0x7fffffff}
	return types[s.pick(len(types))]
}

// fuzzKeys are keys of every kind, sensitive ones.
func (f *fuzzed) fuzzKeys() []ck.ObjectHandle {
	all := on(ck.CKA_ENCRYPT, ck.CKA_DECRYPT, ck.CKA_SIGN, ck.CKA_VERIFY)
	value := []byte("fedcba9876543210fedcba9876543210")
	f.secrets = append(f.secrets, value)
	generic, err := f.app.CreateObject(f.h, append(ck.Template{ck.Bytes(ck.CKA_VALUE, value), ck.Bool(ck.CKA_SENSITIVE, true), ck.Bool(ck.CKA_DERIVE, true)}, kindNames["generic"]...))
	if err != nil {
		f.t.Fatal(err)
	}
	mac, err := f.app.CreateObject(f.h, append(append(ck.Template{ck.Bytes(ck.CKA_VALUE, value), ck.Bool(ck.CKA_SENSITIVE, true)}, all[2:]...), kindNames["generic"]...))
	if err != nil {
		f.t.Fatal(err)
	}
	p256 := ck.Template{ck.Bytes(ck.CKA_EC_PARAMS, []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7})}
	pub, priv, err := f.app.GenerateKeyPair(f.h, &ck.Mechanism{Type: ck.CKM_EC_KEY_PAIR_GEN}, p256, on(ck.CKA_SIGN))
	if err != nil {
		f.t.Fatal(err)
	}
	return []ck.ObjectHandle{f.secretKey(all[:2]...), f.secretKey(on(ck.CKA_WRAP, ck.CKA_UNWRAP)...), generic, mac, pub, priv}
}

// FuzzMechanisms gives every mechanism, with any parameter, to every function.
func FuzzMechanisms(f *testing.F) {
	for i := range byte(120) { // one for each mechanism, at least
		f.Add([]byte{i, i % 6, 6, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17})
	}
	start := fuzzModule(f)
	f.Fuzz(func(t *testing.T, data []byte) { tryMechanism(start(t), data) })
}

func tryMechanism(u *fuzzed, data []byte) {
	s, keys := &source{data}, u.fuzzKeys()
	types := make([]ck.MechanismType, 512)
	n, err := u.app.GetMechanismList(1, types)
	if err != nil {
		u.t.Fatal(err)
	}
	info, _ := u.app.Mechanism(types[s.pick(n)])
	key := keys[s.pick(len(keys))]
	m := &ck.Mechanism{Type: info.Type, Registration: info.Registration, Param: params[info.Param](s)}
	u.everyUse(m, key, keys, s.bytes())
	u.usable()
}

// everyUse begins every operation with m, does it with data, and uses m on keys.
func (f *fuzzed) everyUse(m *ck.Mechanism, key ck.ObjectHandle, keys []ck.ObjectHandle, data []byte) {
	a, h, out := f.app, f.h, make([]byte, 512)
	done := func(function string, n int, err error) {
		if f.check(function, err); err == nil {
			f.sealed(out[:n])
		}
	}
	for _, op := range cipherOperations {
		err := op.begin(a, h, m, key)
		if f.check(op.init, err); err != nil {
			continue
		}
		n, err := op.do(a, h, data, out)
		done(op.name, n, err)
	}
	if err := a.DigestInit(h, m); err == nil {
		n, err := a.Digest(h, data, out)
		done("C_Digest", n, err)
	} else {
		f.check("C_DigestInit", err)
	}
	if err := a.VerifyInit(h, m, key); err == nil {
		f.check("C_Verify", a.Verify(h, data, data))
	} else {
		f.check("C_VerifyInit", err)
	}
	for _, other := range keys {
		n, err := a.WrapKey(h, m, key, other, out)
		done("C_WrapKey", n, err)
	}
	note := func(function string, o ck.ObjectHandle, err error) {
		if f.check(function, err); err == nil {
			f.made(o)
		}
	}
	o, err := a.UnwrapKey(h, m, key, data, kindNames["aes"])
	note("C_UnwrapKey", o, err)
	o, err = a.DeriveKey(h, m, key, nil)
	note("C_DeriveKey", o, err)
	o, err = a.GenerateKey(h, m, ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(16))})
	note("C_GenerateKey", o, err)
}

// cipherOperations are those with an output.
var cipherOperations = []struct {
	init, name string
	begin      func(*slots.App, ck.SessionHandle, *ck.Mechanism, ck.ObjectHandle) error
	do         func(*slots.App, ck.SessionHandle, []byte, []byte) (int, error)
}{
	{"C_EncryptInit", "C_Encrypt", (*slots.App).EncryptInit, (*slots.App).Encrypt},
	{"C_DecryptInit", "C_Decrypt", (*slots.App).DecryptInit, (*slots.App).Decrypt},
	{"C_SignInit", "C_Sign", (*slots.App).SignInit, (*slots.App).Sign},
	{"C_SignRecoverInit", "C_SignRecover", (*slots.App).SignRecoverInit, (*slots.App).SignRecover},
	{"C_VerifyRecoverInit", "C_VerifyRecover", (*slots.App).VerifyRecoverInit, (*slots.App).VerifyRecover},
}
