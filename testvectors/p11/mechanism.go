package p11

import (
	"github.com/miekg/pkcs11"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Mechanism is a mechanism with its parameter, in the form of the binding. It is
// good for one operation.
type Mechanism struct {
	Type  ck.MechanismType
	param any // nil, []byte, or one of the binding's structures
}

// Plain is a mechanism without a parameter.
func Plain(t ck.MechanismType) Mechanism { return Mechanism{t, nil} }

// Bytes is a mechanism whose parameter is bytes: an IV.
func Bytes(t ck.MechanismType, b []byte) Mechanism { return Mechanism{t, b} }

// MACLength is the form of a MAC mechanism that gives n bytes (CK_MAC_GENERAL_PARAMS).
func MACLength(t ck.MechanismType, n int) Mechanism {
	return Mechanism{t, pkcs11.NewAttribute(0, uint(n)).Value}
}

// CTR is CKM_AES_CTR with a counter block of which bits are counted
// (CK_AES_CTR_PARAMS: a number, and 16 bytes).
func CTR(block []byte, bits int) Mechanism {
	return Mechanism{ck.CKM_AES_CTR, append(pkcs11.NewAttribute(0, uint(bits)).Value, block...)}
}

// GCM is CKM_AES_GCM with a tag of so many bits.
func GCM(iv, aad []byte, tagBits int) Mechanism {
	return Mechanism{ck.CKM_AES_GCM, pkcs11.NewGCMParams(iv, aad, tagBits)}
}

// OAEP is CKM_RSA_PKCS_OAEP.
func OAEP(hash ck.MechanismType, mgf ck.MGF, label []byte) Mechanism {
	return Mechanism{ck.CKM_RSA_PKCS_OAEP, pkcs11.NewOAEPParams(uint(hash), uint(mgf), pkcs11.CKZ_DATA_SPECIFIED, label)}
}

// PSS is a mechanism of RSA-PSS with a salt of so many bytes.
func PSS(t, hash ck.MechanismType, mgf ck.MGF, salt int) Mechanism {
	return Mechanism{t, pkcs11.NewPSSParams(uint(hash), uint(mgf), uint(salt))}
}

// ECDH is CKM_ECDH1_DERIVE without a key derivation function. The binding cannot
// say that the peer's key is empty, so that parameter is made here.
func ECDH(peer []byte) Mechanism {
	if len(peer) == 0 {
		words := pkcs11.NewAttribute(0, uint(pkcs11.CKD_NULL)).Value
		return Mechanism{ck.CKM_ECDH1_DERIVE, append(words, make([]byte, 4*len(words))...)}
	}
	return Mechanism{ck.CKM_ECDH1_DERIVE, pkcs11.NewECDH1DeriveParams(pkcs11.CKD_NULL, nil, peer)}
}

func (m Mechanism) binding() []*pkcs11.Mechanism {
	param := m.param
	if s, ok := param.(structure); ok {
		param = []byte(s.words)
	}
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(uint(m.Type), param)}
}

// free gives back what is kept until an operation is over.
func (m Mechanism) free() {
	switch p := m.param.(type) {
	case *pkcs11.GCMParams:
		p.Free()
	case structure:
		p.memory.Free()
	}
}
