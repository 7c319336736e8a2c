package abitest

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// TestSinglePartEnds asks for a part of what has no parts (singlePartRows has the codes):
// that ends the operation, as any refusal does, and the next one can begin.
func TestSinglePartEnds(t *testing.T) {
	k := open(t)
	key, wrap := k.aesKey(), k.mechanism(ck.CKM_AES_KEY_WRAP, nil)
	in, out, n := k.Bytes(16, 'p'), k.Bytes(64, 0), k.Ulongs(64)
	one := []uintptr{k.h, Address(in), 16, Address(out), Address(n)}
	for refused, args := range map[string][]uintptr{"C_EncryptUpdate": one, "C_EncryptFinal": {k.h, Address(out), Address(n)}} {
		k.ok("C_EncryptInit", k.h, wrap, key)
		k.want(ck.CKR_OPERATION_NOT_INITIALIZED, refused, args...)
		k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_Encrypt", one...)
		k.ok("C_EncryptInit", k.h, wrap, key)
		k.ok("C_Encrypt", one...)
		if n.At(0) != 24 {
			t.Errorf("after %s: %d bytes", refused, n.At(0))
		}
		n.Set(0, 64)
	}
}

// TestSignInParts signs and verifies in parts by mechanisms that hash nothing. The
// standard has them for single-part operations alone; clients use it.
func TestSignInParts(t *testing.T) {
	s := newStage(t)
	sig, n := s.signature("C_SignInit", "C_Sign", s.rsa, s.priv)
	s.ok("C_SignInit", s.h, s.rsa, s.priv)
	s.ok("C_SignUpdate", s.h, s.in, 7)
	s.ok("C_SignUpdate", s.h, s.in+7, 9)
	s.ok("C_SignFinal", s.h, s.out, s.room(512))
	for _, made := range []uintptr{sig, s.out} {
		s.ok("C_VerifyInit", s.h, s.rsa, s.pub)
		s.ok("C_VerifyUpdate", s.h, s.in, 16)
		s.ok("C_VerifyFinal", s.h, made, n)
	}
}
