package abitest

import (
	"bytes"
	"encoding/hex"
	"testing"
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// structure is the words of a C structure, as bytes.
func (k *token) structure(words ...uintptr) []byte {
	w := k.Ulongs(words...)
	return unsafe.Slice((*byte)(unsafe.Pointer(&w[0])), 8*len(words))
}

// pairFor generates a pair for encapsulation.
func (k *token) pairFor(gen ck.MechanismType, public ck.Attribute) (pub, priv uintptr) {
	pubTmpl, pubCount := k.template(public, ck.Bool(ck.CKA_ENCAPSULATE, true))
	privTmpl, privCount := k.template(ck.Bool(ck.CKA_DECAPSULATE, true))
	made := k.Ulongs(0, 0)
	k.ok("C_GenerateKeyPair", k.h, k.mechanism(gen, nil), pubTmpl, pubCount, privTmpl, privCount, Address(made), Address(made[8:]))
	return uintptr(made.At(0)), uintptr(made.At(1))
}

// TestEncapsulateByRSAAndECDH: with a key length that the caller names, and in ECDH without
// a public key in the parameter.
func TestEncapsulateByRSAAndECDH(t *testing.T) {
	k := open(t)
	p256, _ := hex.DecodeString("06082a8648ce3d030107")
	ecPub, ecPriv := k.pairFor(ck.CKM_EC_KEY_PAIR_GEN, ck.Bytes(ck.CKA_EC_PARAMS, p256))
	rsaPub, rsaPriv := k.pairFor(ck.CKM_RSA_PKCS_KEY_PAIR_GEN, ck.Ulong[uint64](ck.CKA_MODULUS_BITS, 2048))
	point := k.Bytes(65, 4)
	ecdh := k.mechanism(ck.CKM_ECDH1_DERIVE, k.structure(uintptr(ck.CKD_NULL), 0, 0, 0, 0))
	withPoint := k.mechanism(ck.CKM_ECDH1_DERIVE, k.structure(uintptr(ck.CKD_NULL), 0, 0, 65, Address(point)))
	oaep := k.mechanism(ck.CKM_RSA_PKCS_OAEP, k.structure(uintptr(ck.CKM_SHA256), uintptr(ck.CKG_MGF1_SHA256), uintptr(ck.CKZ_DATA_SPECIFIED), 0, 0))
	aes := []ck.Attribute{ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.Bool(ck.CKA_ENCRYPT, true)}
	tmpl, count := k.template(append(aes, ck.Ulong[uint64](ck.CKA_VALUE_LEN, 16))...)
	bare, bareCount := k.template(aes...)
	out, n, made := k.Bytes(256, 0), k.Ulongs(0), k.Ulongs(0)
	for _, c := range []struct {
		name            string
		mech, pub, priv uintptr
		size            uintptr
	}{{"ECDH", ecdh, ecPub, ecPriv, 65}, {"OAEP", oaep, rsaPub, rsaPriv, 256}} {
		k.ok("C_EncapsulateKey", k.h, c.mech, c.pub, tmpl, count, 0, Address(n), 0)
		if uintptr(n.At(0)) != c.size {
			t.Errorf("%s: %d bytes", c.name, n.At(0))
		}
		k.ok("C_EncapsulateKey", k.h, c.mech, c.pub, tmpl, count, Address(out), Address(n), Address(made))
		one := k.encrypted(uintptr(made.At(0)))
		k.ok("C_DecapsulateKey", k.h, c.mech, c.priv, tmpl, count, Address(out), c.size, Address(made))
		if two := k.encrypted(uintptr(made.At(0))); !bytes.Equal(one, two) {
			t.Errorf("%s: the two sides have different keys", c.name)
		}
		k.want(ck.CKR_WRAPPED_KEY_LEN_RANGE, "C_DecapsulateKey", k.h, c.mech, c.priv, tmpl, count, Address(out), c.size-1, Address(made))
		out[1] ^= 0x55
		k.want(ck.CKR_WRAPPED_KEY_INVALID, "C_DecapsulateKey", k.h, c.mech, c.priv, tmpl, count, Address(out), c.size, Address(made))
		n.Set(0, 256)
	}
	k.want(ck.CKR_MECHANISM_PARAM_INVALID, "C_EncapsulateKey", k.h, withPoint, ecPub, tmpl, count, Address(out), Address(n), Address(made))
	k.want(ck.CKR_MECHANISM_PARAM_INVALID, "C_DecapsulateKey", k.h, withPoint, ecPriv, tmpl, count, Address(out), 65, Address(made))
	k.want(ck.CKR_TEMPLATE_INCOMPLETE, "C_EncapsulateKey", k.h, oaep, rsaPub, bare, bareCount, Address(out), Address(n), Address(made))
	pkcs := k.mechanism(ck.CKM_RSA_PKCS, nil)
	k.want(ck.CKR_MECHANISM_INVALID, "C_EncapsulateKey", k.h, pkcs, rsaPub, tmpl, count, Address(out), Address(n), Address(made))
	k.want(ck.CKR_MECHANISM_INVALID, "C_DecapsulateKey", k.h, pkcs, rsaPriv, tmpl, count, Address(out), 256, Address(made))
}
