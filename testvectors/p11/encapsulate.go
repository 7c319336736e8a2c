package p11

import (
	"github.com/miekg/pkcs11"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/pkcs11/abitest"
)

// MLKEMPublic is a key to encapsulate with.
func MLKEMPublic(set int, value []byte) Template {
	return append(key(pkcs11.CKO_PUBLIC_KEY, uint(ck.CKK_ML_KEM)),
		pkcs11.NewAttribute(uint(ck.CKA_PARAMETER_SET), set),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, value)).allow(uint(ck.CKA_ENCAPSULATE))
}

// MLKEMPrivate is a key to decapsulate with, which may be read.
func MLKEMPrivate(set int, seed []byte) Template {
	return append(key(pkcs11.CKO_PRIVATE_KEY, uint(ck.CKK_ML_KEM)),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
		pkcs11.NewAttribute(uint(ck.CKA_PARAMETER_SET), set),
		pkcs11.NewAttribute(uint(ck.CKA_SEED), seed)).allow(pkcs11.CKA_EXTRACTABLE, uint(ck.CKA_DECAPSULATE))
}

// inMemory is a template as an array of CK_ATTRIBUTE.
func (t Template) inMemory(mem *abitest.Memory) uintptr {
	var words []uintptr
	for _, a := range t {
		words = append(words, uintptr(a.Type), abitest.Address(mem.Copy(a.Value)), uintptr(len(a.Value)))
	}
	return abitest.Address(mem.Ulongs(words...))
}

// Encapsulate makes a secret and returns the length of its ciphertext.
func (s *Session) Encapsulate(m Mechanism, k Key) (int, error) {
	lib, err := s.token.library()
	if err != nil {
		return 0, err
	}
	mem := &abitest.Memory{}
	defer mem.Free()
	t := secretTemplate(ck.CKK_GENERIC_SECRET)
	out, n, made := mem.Bytes(1<<12, 0), mem.Ulongs(1<<12), mem.Ulongs(0)
	rv := lib.Call("C_EncapsulateKey", uintptr(s.handle), abitest.Address(mem.Ulongs(uintptr(m.Type), 0, 0)), uintptr(k),
		t.inMemory(mem), uintptr(len(t)), abitest.Address(out), abitest.Address(n), abitest.Address(made))
	if rv != ck.CKR_OK {
		return 0, rv
	}
	return int(n.At(0)), s.Destroy(Key(made.At(0)))
}

// Decapsulate returns the secret of a ciphertext.
func (s *Session) Decapsulate(m Mechanism, k Key, ciphertext []byte) ([]byte, error) {
	lib, err := s.token.library()
	if err != nil {
		return nil, err
	}
	mem := &abitest.Memory{}
	defer mem.Free()
	t := secretTemplate(ck.CKK_GENERIC_SECRET)
	made := mem.Ulongs(0)
	rv := lib.Call("C_DecapsulateKey", uintptr(s.handle), abitest.Address(mem.Ulongs(uintptr(m.Type), 0, 0)), uintptr(k),
		t.inMemory(mem), uintptr(len(t)), abitest.Address(mem.Copy(ciphertext)), uintptr(len(ciphertext)), abitest.Address(made))
	if rv != ck.CKR_OK {
		return nil, rv
	}
	return s.take(Key(made.At(0)))
}
