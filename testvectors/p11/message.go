package p11

import (
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/pkcs11/abitest"
)

// What the binding does not know is called here directly: the functions on
// messages, and parameters of its mechanisms that it has no structures for.

// structure is a parameter that points into C memory.
type structure struct {
	words  abitest.Words
	memory *abitest.Memory
}

// pointing makes a structure of words; each byte string is a pointer to it and
// its length.
func pointing(fields ...any) structure {
	m := &abitest.Memory{}
	var words []uintptr
	for _, f := range fields {
		switch f := f.(type) {
		case int:
			words = append(words, uintptr(f))
		case []byte:
			words = append(words, abitest.Address(m.Copy(f)), uintptr(len(f)))
		}
	}
	return structure{m.Ulongs(words...), m}
}

// CCM is CKM_AES_CCM for a plaintext of size bytes.
func CCM(nonce, aad []byte, size, tagSize int) Mechanism {
	return Mechanism{ck.CKM_AES_CCM, pointing(size, nonce, aad, tagSize)}
}

// Ed25519ph is CKM_EDDSA over the SHA-512 of the data (phFlag, and an empty context).
func Ed25519ph() Mechanism { return Mechanism{ck.CKM_EDDSA, pointing(1, 0, 0)} }

// ChaCha20Poly1305 is CKM_CHACHA20_POLY1305. The length of the nonce is in bits.
func ChaCha20Poly1305(nonce, aad []byte) Mechanism {
	s := pointing(nonce, aad)
	s.words.Set(1, uintptr(8*len(nonce)))
	return Mechanism{ck.CKM_CHACHA20_POLY1305, s}
}

// The steps of HKDF, as the first two bytes of CK_HKDF_PARAMS have them.
const (
	Extract          = 0x0001
	Expand           = 0x0100
	ExtractAndExpand = Extract | Expand
)

// HKDF is CKM_HKDF_DERIVE; without a salt, it is that of CKF_HKDF_SALT_NULL.
func HKDF(hash ck.MechanismType, steps int, salt, info []byte) Mechanism {
	saltType := ck.CKF_HKDF_SALT_DATA
	if len(salt) == 0 {
		saltType = ck.CKF_HKDF_SALT_NULL
	}
	return Mechanism{ck.CKM_HKDF_DERIVE, pointing(steps, int(hash), int(saltType), salt, 0, info)}
}

// Message is one message of an authenticated cipher: CK_GCM_MESSAGE_PARAMS and
// its like.
type Message struct {
	Type       ck.MechanismType
	Nonce, AAD []byte
	TagSize    int // bytes
}

// param is the C structure for a plaintext of size bytes.
func (m *Message) param(mem *abitest.Memory, tag []byte, size int) abitest.Words {
	nonce, n, t := abitest.Address(mem.Copy(m.Nonce)), uintptr(len(m.Nonce)), abitest.Address(tag)
	switch m.Type {
	case ck.CKM_AES_GCM:
		return mem.Ulongs(nonce, n, 0, ck.CKG_NO_GENERATE, t, uintptr(8*m.TagSize))
	case ck.CKM_AES_CCM:
		return mem.Ulongs(uintptr(size), nonce, n, 0, ck.CKG_NO_GENERATE, t, uintptr(m.TagSize))
	}
	return mem.Ulongs(nonce, 8*n, t)
}

// messageCalls are the functions of one direction.
type messageCalls struct{ init, whole, begin, next, final string }

var (
	messageEncrypt = messageCalls{"C_MessageEncryptInit", "C_EncryptMessage", "C_EncryptMessageBegin", "C_EncryptMessageNext", "C_MessageEncryptFinal"}
	messageDecrypt = messageCalls{"C_MessageDecryptInit", "C_DecryptMessage", "C_DecryptMessageBegin", "C_DecryptMessageNext", "C_MessageDecryptFinal"}
)

// EncryptMessage encrypts a message and returns the ciphertext and the tag. parts
// are the sizes of the parts it is handed over in, none for one call.
func (s *Session) EncryptMessage(m Message, k Key, plain []byte, parts ...int) ([]byte, error) {
	tag := make([]byte, m.TagSize)
	out, err := s.message(messageEncrypt, m, k, tag, plain, parts)
	return append(out, tag...), err
}

// DecryptMessage opens a message; see EncryptMessage for parts.
func (s *Session) DecryptMessage(m Message, k Key, sealed, tag []byte, parts ...int) ([]byte, error) {
	return s.message(messageDecrypt, m, k, slices.Clone(tag), sealed, parts)
}

// message puts data through an operation of one message; tag is read and written.
func (s *Session) message(f messageCalls, m Message, k Key, tag, data []byte, parts []int) (out []byte, err error) {
	lib, err := s.token.library()
	if err != nil {
		return nil, err
	}
	mem := &abitest.Memory{}
	defer mem.Free()
	h := uintptr(s.handle)
	call := func(name string, args ...uintptr) error {
		if rv := lib.Call(name, append([]uintptr{h}, args...)...); rv != ck.CKR_OK {
			return rv
		}
		return nil
	}
	if err := call(f.init, abitest.Address(mem.Ulongs(uintptr(m.Type), 0, 0)), uintptr(k)); err != nil {
		return nil, err
	}
	defer func() {
		if e := call(f.init, 0, 0); err == nil { // ends the operation, in a message too
			err = e
		}
	}()
	ctag, aad := mem.Bytes(m.TagSize, 0), mem.Copy(m.AAD) // some vectors have no tag at all
	copy(ctag, tag)
	p := m.param(mem, ctag, len(data))
	start := []uintptr{abitest.Address(p), uintptr(len(p)), abitest.Address(aad), uintptr(len(aad))}
	step := func(name string, args []uintptr, in []byte, room int, flags ...uintptr) error {
		src, dst, n := mem.Copy(in), mem.Bytes(room, 0), mem.Ulongs(uintptr(room))
		args = append(slices.Clone(args), abitest.Address(src), uintptr(len(src)), abitest.Address(dst), abitest.Address(n))
		if err := call(name, append(args, flags...)...); err != nil {
			return err
		}
		out = append(out, dst[:n.At(0)]...)
		return nil
	}
	defer func() { copy(tag, ctag) }()
	if len(parts) == 0 {
		err = step(f.whole, start, data, len(data))
		return out, err
	}
	if err := call(f.begin, start...); err != nil {
		return nil, err
	}
	rest := data
	for i := 0; len(rest) > parts[i%len(parts)]; i++ {
		n := parts[i%len(parts)]
		if err := step(f.next, start[:2], rest[:n], n, 0); err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	err = step(f.next, start[:2], rest, len(data), uintptr(ck.CKF_END_OF_MESSAGE))
	return out, err
}
