package service

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/ccm"
)

// wrappingAEADs are the authenticated ciphers that wrap.
var wrappingAEADs = map[ck.MechanismType]struct {
	kind ck.MessageKind
	new  func(cipher.Block) (cipher.AEAD, error) // with a nonce of 12 bytes and a tag of 16
}{
	ck.CKM_AES_GCM: {ck.GCMMessage, cipher.NewGCM},
	ck.CKM_AES_CCM: {ck.CCMMessage, func(b cipher.Block) (cipher.AEAD, error) { return ccm.New(b, 12, 16) }},
}

func aeadWrapKey(t *testing.T, mt ck.MechanismType) (*Key, *Mechanism, cipher.AEAD) {
	t.Helper()
	value := bytes.Repeat([]byte{7}, 32)
	block, err := aes.NewCipher(value)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := wrappingAEADs[mt].new(block)
	if err != nil {
		t.Fatal(err)
	}
	m, _ := Lookup(mt)
	return newKeyFrom(ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.Bytes(ck.CKA_VALUE, value),
	}), m, aead
}

func TestWrapAuthenticated(t *testing.T) {
	for mt := range wrappingAEADs {
		t.Run(mt.String(), func(t *testing.T) { wrapAuthenticated(t, mt) })
	}
}

func wrapAuthenticated(t *testing.T, mt ck.MechanismType) {
	k, m, aead := aeadWrapKey(t, mt)
	plain, aad := []byte("the value of a key"), []byte("header")
	p := &ck.MessageParams{Kind: wrappingAEADs[mt].kind, Nonce: make([]byte, 12), Generator: ck.CKG_GENERATE, Tag: make([]byte, 16), TagSize: 16}
	mech := &ck.Mechanism{Type: mt, Param: p}

	for _, dst := range [][]byte{nil, {}, make([]byte, len(plain)-1)} {
		n, err := m.WrapAuthenticated(k, mech, aad, dst, plain)
		if n != len(plain) || (dst == nil) != (err == nil) || dst != nil && ck.Code(err) != ck.CKR_BUFFER_TOO_SMALL {
			t.Fatalf("with %d bytes: %d, %v", len(dst), n, err)
		}
		if !bytes.Equal(p.Nonce, make([]byte, 12)) {
			t.Fatal("an IV was made for no output")
		}
	}
	wrapped := make([]byte, len(plain))
	if n, err := m.WrapAuthenticated(k, mech, aad, wrapped, plain); n != len(plain) || err != nil {
		t.Fatal(n, err)
	}
	opened, err := aead.Open(nil, p.Nonce, append(bytes.Clone(wrapped), p.Tag...), aad)
	if err != nil || !bytes.Equal(opened, plain) {
		t.Fatalf("%q, %v", opened, err)
	}
	back, err := m.UnwrapAuthenticated(k, mech, aad, wrapped)
	if err != nil || !bytes.Equal(back.Expose(), plain) {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func() (aad, wrapped []byte){
		"header": func() ([]byte, []byte) { return []byte("Header"), wrapped },
		"short":  func() ([]byte, []byte) { return aad, wrapped[:1] },
		"empty":  func() ([]byte, []byte) { return aad, nil },
		"tag":    func() ([]byte, []byte) { p.Tag[3] ^= 1; return aad, wrapped },
	} {
		a, w := spoil()
		if _, err := m.UnwrapAuthenticated(k, mech, a, w); ck.Code(err) != ck.CKR_WRAPPED_KEY_INVALID {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What may be left to the generator and what it leaves alone.
func TestGenerateIV(t *testing.T) {
	for _, c := range []struct {
		size             int
		fixed, generator uint64
		rv               ck.RV
	}{
		{12, 0, ck.CKG_NO_GENERATE, ck.CKR_OK},
		{12, 77, ck.CKG_NO_GENERATE, ck.CKR_OK},
		{12, 0, ck.CKG_GENERATE, ck.CKR_OK},
		{12, 0, ck.CKG_GENERATE_RANDOM, ck.CKR_OK},
		{16, 32, ck.CKG_GENERATE, ck.CKR_OK},
		{12, 8, ck.CKG_GENERATE, ck.CKR_MECHANISM_PARAM_INVALID},
		{16, 4, ck.CKG_GENERATE, ck.CKR_MECHANISM_PARAM_INVALID},
		{16, 136, ck.CKG_GENERATE, ck.CKR_MECHANISM_PARAM_INVALID},
		{16, 1 << 63, ck.CKG_GENERATE, ck.CKR_MECHANISM_PARAM_INVALID},
		{0, 0, ck.CKG_GENERATE, ck.CKR_MECHANISM_PARAM_INVALID},
		{12, 0, ck.CKG_GENERATE_COUNTER, ck.CKR_MECHANISM_PARAM_INVALID},
		{12, 0, ck.CKG_GENERATE_COUNTER_XOR, ck.CKR_MECHANISM_PARAM_INVALID},
		{12, 0, 99, ck.CKR_MECHANISM_PARAM_INVALID},
	} {
		iv := bytes.Repeat([]byte{0xEE}, c.size)
		if err := generateIV(iv, c.fixed, c.generator); ck.Code(err) != c.rv {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		made := c.rv == ck.CKR_OK && c.generator != ck.CKG_NO_GENERATE
		fixed := len(iv)
		if made {
			fixed = int(c.fixed / 8)
		}
		same := bytes.Equal(iv, bytes.Repeat([]byte{0xEE}, c.size))
		if same == made || !bytes.Equal(iv[:fixed], bytes.Repeat([]byte{0xEE}, fixed)) {
			t.Errorf("%+v: %x", c, iv)
		}
	}
}

// TestWrapAuthenticatedRefuses what is not the parameter of the cipher's messages.
func TestWrapAuthenticatedRefuses(t *testing.T) {
	nonce, tag := make([]byte, 12), make([]byte, 16)
	for mt, w := range wrappingAEADs {
		k, m, _ := aeadWrapKey(t, mt)
		other := ck.GCMMessage + ck.CCMMessage - w.kind
		for name, p := range map[string]any{
			"none":            nil,
			"of the key":      &ck.WrapParams{Nonce: nonce, TagBits: 128},
			"of other cipher": &ck.MessageParams{Kind: other, Nonce: nonce, Tag: tag, TagSize: 16},
			"no tag":          &ck.MessageParams{Kind: w.kind, Nonce: nonce, TagSize: 16},
			"no nonce":        &ck.MessageParams{Kind: w.kind, Tag: tag, TagSize: 16},
			"tag size":        &ck.MessageParams{Kind: w.kind, Nonce: nonce, Tag: make([]byte, 17), TagSize: 17},
		} {
			mech := &ck.Mechanism{Type: mt, Param: p}
			if _, err := m.WrapAuthenticated(k, mech, nil, make([]byte, 16), tag); ck.Code(err) != ck.CKR_MECHANISM_PARAM_INVALID {
				t.Errorf("%v, %s: wrap: %v", mt, name, err)
			}
			if _, err := m.UnwrapAuthenticated(k, mech, nil, tag); ck.Code(err) != ck.CKR_MECHANISM_PARAM_INVALID {
				t.Errorf("%v, %s: unwrap: %v", mt, name, err)
			}
		}
	}
	k, m, _ := aeadWrapKey(t, ck.CKM_AES_CCM)
	long := &ck.MessageParams{Kind: ck.CCMMessage, Nonce: make([]byte, 13), Tag: tag, TagSize: 16} // for 65535 bytes
	if _, err := m.WrapAuthenticated(k, &ck.Mechanism{Type: ck.CKM_AES_CCM, Param: long}, nil, nil, make([]byte, 1<<16)); ck.Code(err) != ck.CKR_KEY_SIZE_RANGE {
		t.Errorf("longer than CCM can: %v", err)
	}
	if _, err := m.UnwrapAuthenticated(k, &ck.Mechanism{Type: ck.CKM_AES_CCM, Param: long}, nil, make([]byte, 1<<16)); ck.Code(err) != ck.CKR_WRAPPED_KEY_INVALID {
		t.Errorf("longer than CCM can: %v", err)
	}
}

func TestWrapParams(t *testing.T) {
	for mt := range wrappingAEADs {
		t.Run(mt.String(), func(t *testing.T) { wrapByParams(t, mt) })
	}
}

func wrapByParams(t *testing.T, mt ck.MechanismType) {
	k, m, aead := aeadWrapKey(t, mt)
	plain := []byte("the value of a key")
	p := &ck.WrapParams{Nonce: make([]byte, 12), AAD: []byte("a"), TagBits: 128, Generator: ck.CKG_GENERATE}
	mech := &ck.Mechanism{Type: mt, Param: p}
	if n, err := m.Wrap(k, mech, nil, plain); n != len(plain)+16 || err != nil || !bytes.Equal(p.Nonce, make([]byte, 12)) {
		t.Fatal(n, err, p.Nonce)
	}
	wrapped := make([]byte, 100)
	n, err := m.Wrap(k, mech, wrapped, plain)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := aead.Open(nil, p.Nonce, wrapped[:n], p.AAD)
	if err != nil || !bytes.Equal(opened, plain) {
		t.Fatalf("%q, %v", opened, err)
	}
	p.Generator = 99 // ignored from here on
	back, err := m.Unwrap(k, mech, wrapped[:n])
	if err != nil || !bytes.Equal(back.Expose(), plain) {
		t.Fatal(err)
	}
	if _, err := m.Wrap(k, mech, wrapped, plain); ck.Code(err) != ck.CKR_MECHANISM_PARAM_INVALID {
		t.Error(err)
	}
}
