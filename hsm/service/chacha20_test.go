package service

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// TestChaCha20Block holds the key stream of RFC 8439 section 2.3.2, in one go and
// in parts, and that the counter is where the encryption begins.
func TestChaCha20Block(t *testing.T) {
	value := unhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	k := newKeyFrom(must[ck.Template](t)(completeSecret(ck.CKK_CHACHA20, value)))
	nonce := unhex("000000090000004a00000000")
	want := unhex("10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e" +
		"d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e")
	start := func(counter uint64) api.Cipher {
		m := &ck.Mechanism{Type: ck.CKM_CHACHA20, Param: &ck.ChaCha20Params{Counter: counter, Nonce: nonce}}
		return must[api.Cipher](t)(mechanism(t, m.Type).Encrypt(k, m))
	}
	if got := inParts(t, start(1), make([]byte, 64), 64); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	if got := inParts(t, start(0), make([]byte, 128), 33); !bytes.Equal(got[64:], want) {
		t.Errorf("from block 0: %x, want %x", got[64:], want)
	}
	// The original nonce is the end of that of RFC 8439, the counter its start.
	m := &ck.Mechanism{Type: ck.CKM_CHACHA20, Param: &ck.ChaCha20Params{Counter: 0x09000000<<32 | 1, Nonce: nonce[4:]}}
	c := must[api.Cipher](t)(mechanism(t, m.Type).Decrypt(k, m))
	if got := inParts(t, c, want, 7); !bytes.Equal(got, make([]byte, 64)) {
		t.Errorf("original nonce: %x", got)
	}
	// The last block, and what would come after it.
	c = start(1<<32 - 1)
	if n, err := c.Update(make([]byte, 64), make([]byte, 64)); n != 64 || err != nil {
		t.Errorf("the last block: %d, %v", n, err)
	}
	if _, err := c.Update(make([]byte, 1), make([]byte, 1)); err != ck.CKR_DATA_LEN_RANGE {
		t.Errorf("after it: %v", err)
	}
}

func TestChaCha20KeyGen(t *testing.T) {
	gen := mechanism(t, ck.CKM_CHACHA20_KEY_GEN).GenerateKey
	length := func(n uint64) ck.Template { return ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, n)} }
	for _, tmpl := range []ck.Template{nil, length(32)} {
		made, err := gen(nil, tmpl)
		if value, _ := made.Find(ck.CKA_VALUE); err != nil || len(value.Value) != 32 {
			t.Errorf("%v: %v, %v", tmpl, made, err)
		}
	}
	if _, err := gen(nil, length(16)); ck.Code(err) != ck.CKR_ATTRIBUTE_VALUE_INVALID {
		t.Errorf("16 bytes: %v", err)
	}
	if _, err := completeSecret(ck.CKK_CHACHA20, make([]byte, 31)); ck.Code(err) != ck.CKR_ATTRIBUTE_VALUE_INVALID {
		t.Errorf("31 bytes: %v", err)
	}
}
