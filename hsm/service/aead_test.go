package service

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"slices"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/ccm"
)

// scheme is an authenticated cipher under test: its key, its parameters, and
// another implementation of it.
type scheme struct {
	mt             ck.MechanismType
	kind           ck.MessageKind
	key            *Key
	nonceSize, tag int
	param          func(nonce, aad []byte, size int) any
	other          cipher.AEAD
}

func chachaTestKey(t testing.TB) *Key {
	t.Helper()
	made, err := completeSecret(ck.CKK_CHACHA20, bytes.Repeat([]byte{0x42}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return newKeyFrom(made)
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func schemes(t testing.TB) []scheme {
	aesKey, chacha := aesTestKey(t, 32), chachaTestKey(t)
	block := must[cipher.Block](t)(aes.NewCipher(aesKey.Value()))
	aead := must[cipher.AEAD](t)
	gcm := func(nonce, aad []byte, _ int) any {
		return &ck.GCMParams{IV: nonce, AAD: aad, TagBits: 128}
	}
	ccmOf := func(tag uint64) func(nonce, aad []byte, size int) any {
		return func(nonce, aad []byte, size int) any {
			return &ck.CCMParams{Nonce: nonce, AAD: aad, MACLen: tag, DataLen: uint64(size)}
		}
	}
	poly := func(nonce, aad []byte, _ int) any { return &ck.ChaCha20Poly1305Params{Nonce: nonce, AAD: aad} }
	return []scheme{
		{mt: ck.CKM_AES_GCM, kind: ck.GCMMessage, key: aesKey, nonceSize: 12, tag: 16, param: gcm, other: aead(cipher.NewGCM(block))},
		{mt: ck.CKM_AES_GCM, kind: ck.GCMMessage, key: aesKey, nonceSize: 17, tag: 16, param: gcm, other: aead(cipher.NewGCMWithNonceSize(block, 17))},
		{mt: ck.CKM_AES_CCM, kind: ck.CCMMessage, key: aesKey, nonceSize: 12, tag: 16, param: ccmOf(16), other: aead(ccm.New(block, 12, 16))},
		{mt: ck.CKM_AES_CCM, kind: ck.CCMMessage, key: aesKey, nonceSize: 13, tag: 4, param: ccmOf(4), other: aead(ccm.New(block, 13, 4))},
		{mt: ck.CKM_CHACHA20_POLY1305, kind: ck.ChaCha20Poly1305Message, key: chacha, nonceSize: 12, tag: 16, param: poly,
			other: aead(chacha20poly1305.New(chacha.Value()))},
		{mt: ck.CKM_CHACHA20_POLY1305, kind: ck.ChaCha20Poly1305Message, key: chacha, nonceSize: 24, tag: 16, param: poly,
			other: aead(chacha20poly1305.NewX(chacha.Value()))},
	}
}

// forEachScheme runs f with plaintexts of many lengths: want is the ciphertext
// with its tag.
func forEachScheme(t *testing.T, f func(t *testing.T, s *scheme, nonce, aad, plain, want []byte)) {
	for _, s := range schemes(t) {
		t.Run(s.mt.String(), func(t *testing.T) {
			for n := range 70 {
				nonce, aad, plain := randomBytes(s.nonceSize), randomBytes(n%19), randomBytes(n)
				f(t, &s, nonce, aad, plain, s.other.Seal(nil, nonce, plain, aad))
			}
		})
	}
}

// cipher starts the operation of C_EncryptInit or C_DecryptInit.
func (s *scheme) cipher(t *testing.T, d direction, nonce, aad []byte, size int) api.Cipher {
	t.Helper()
	reg := mechanism(t, s.mt)
	start := reg.Encrypt
	if d == decrypting {
		start = reg.Decrypt
	}
	return must[api.Cipher](t)(start(s.key, &ck.Mechanism{Type: s.mt, Param: s.param(nonce, aad, size)}))
}

func TestAEADOneShot(t *testing.T) {
	forEachScheme(t, func(t *testing.T, s *scheme, nonce, aad, plain, want []byte) {
		for d, text := range map[direction][2][]byte{encrypting: {plain, want}, decrypting: {want, plain}} {
			c := s.cipher(t, d, nonce, aad, len(plain))
			got := justEnough(t, func(dst []byte) (int, error) { return c.OneShot(dst, text[0]) })
			if !bytes.Equal(got, text[1]) {
				t.Fatalf("decrypting %v: %x, want %x", d, got, text[1])
			}
		}
	})
}

// inParts hands src to c in parts of size bytes and collects what comes out.
func inParts(t *testing.T, c api.Cipher, src []byte, size int) []byte {
	t.Helper()
	var out []byte
	for part := range slices.Chunk(src, size) {
		out = append(out, justEnough(t, func(dst []byte) (int, error) { return c.Update(dst, part) })...)
	}
	return append(out, justEnough(t, c.Final)...)
}

func TestAEADParts(t *testing.T) {
	forEachScheme(t, func(t *testing.T, s *scheme, nonce, aad, plain, want []byte) {
		for _, size := range []int{1, 7, 16, 33} {
			if got := inParts(t, s.cipher(t, encrypting, nonce, aad, len(plain)), plain, size); !bytes.Equal(got, want) {
				t.Fatalf("parts of %d: %x, want %x", size, got, want)
			}
			if got := inParts(t, s.cipher(t, decrypting, nonce, aad, len(plain)), want, size); !bytes.Equal(got, plain) {
				t.Fatalf("decrypted in parts of %d: %x, want %x", size, got, plain)
			}
		}
	})
}

func TestAEADRefusesChanges(t *testing.T) {
	forEachScheme(t, func(t *testing.T, s *scheme, nonce, aad, plain, want []byte) {
		want[len(want)/2] ^= 4
		dst := make([]byte, len(plain))
		if _, err := s.cipher(t, decrypting, nonce, aad, len(plain)).OneShot(dst, want); err != ck.CKR_ENCRYPTED_DATA_INVALID {
			t.Errorf("changed: %v", err)
		}
		if !bytes.Equal(dst, make([]byte, len(plain))) {
			t.Errorf("something came out: %x", dst)
		}
		if _, err := s.cipher(t, decrypting, nonce, aad, 0).OneShot(dst, want[:s.tag-1]); err != ck.CKR_ENCRYPTED_DATA_LEN_RANGE {
			t.Errorf("less than a tag: %v", err)
		}
	})
}

// TestCCMLength: data of another length than was announced.
func TestCCMLength(t *testing.T) {
	k, reg := aesTestKey(t, 16), mechanism(t, ck.CKM_AES_CCM)
	m := &ck.Mechanism{Type: ck.CKM_AES_CCM, Param: &ck.CCMParams{Nonce: make([]byte, 12), MACLen: 8, DataLen: 20}}
	encrypt, decrypt := starter(t, reg.Encrypt, k, m), starter(t, reg.Decrypt, k, m)
	dst := make([]byte, 64)
	for _, n := range []int{0, 19, 21} {
		if _, err := encrypt().OneShot(dst, make([]byte, n)); err != ck.CKR_DATA_LEN_RANGE {
			t.Errorf("encrypting %d bytes: %v", n, err)
		}
		if _, err := decrypt().OneShot(dst, make([]byte, n+8)); err != ck.CKR_ENCRYPTED_DATA_LEN_RANGE {
			t.Errorf("decrypting %d bytes: %v", n, err)
		}
	}
	c := encrypt()
	if n, err := c.Update(dst, make([]byte, 19)); n != 19 || err != nil {
		t.Errorf("a part: %d, %v", n, err)
	}
	if _, err := c.Update(dst, make([]byte, 2)); err != ck.CKR_DATA_LEN_RANGE {
		t.Errorf("a part too long: %v", err)
	}
	c = encrypt()
	if _, err := c.Final(dst); err != ck.CKR_DATA_LEN_RANGE {
		t.Errorf("no part: %v", err)
	}
	// A wrapping does not look at the length that was announced.
	wrapped := justEnough(t, func(dst []byte) (int, error) { return reg.Wrap(k, m, dst, testIV) })
	if back, err := reg.Unwrap(k, m, wrapped); err != nil || !bytes.Equal(back.Expose(), testIV) {
		t.Errorf("unwrapped: %v, %v", back, err)
	}
	wrapped[3] ^= 1
	if _, err := reg.Unwrap(k, m, wrapped); err != ck.CKR_WRAPPED_KEY_INVALID {
		t.Errorf("changed: %v", err)
	}
	if _, err := reg.Unwrap(k, m, wrapped[:7]); err != ck.CKR_WRAPPED_KEY_LEN_RANGE {
		t.Errorf("less than a tag: %v", err)
	}
}

func TestAEADParameters(t *testing.T) {
	aesKey, chacha := aesTestKey(t, 16), chachaTestKey(t)
	for _, tc := range []struct {
		mt    ck.MechanismType
		key   *Key
		param any
	}{
		{ck.CKM_AES_CCM, aesKey, &ck.CCMParams{Nonce: make([]byte, 6), MACLen: 16}},
		{ck.CKM_AES_CCM, aesKey, &ck.CCMParams{Nonce: make([]byte, 14), MACLen: 16}},
		{ck.CKM_AES_CCM, aesKey, &ck.CCMParams{Nonce: make([]byte, 12), MACLen: 5}},
		{ck.CKM_AES_CCM, aesKey, &ck.CCMParams{Nonce: make([]byte, 12)}},
		{ck.CKM_AES_CCM, aesKey, &ck.CCMParams{Nonce: make([]byte, 12), MACLen: 1 << 63}},
		{ck.CKM_AES_CCM, aesKey, &ck.CCMParams{Nonce: make([]byte, 13), MACLen: 16, DataLen: 1 << 16}},
		{ck.CKM_CHACHA20_POLY1305, chacha, &ck.ChaCha20Poly1305Params{}},
		{ck.CKM_CHACHA20_POLY1305, chacha, &ck.ChaCha20Poly1305Params{Nonce: make([]byte, 8)}},
		{ck.CKM_CHACHA20_POLY1305, chacha, &ck.ChaCha20Poly1305Params{Nonce: make([]byte, 16)}},
		{ck.CKM_CHACHA20, chacha, &ck.ChaCha20Params{}},
		{ck.CKM_CHACHA20, chacha, &ck.ChaCha20Params{Nonce: make([]byte, 11)}},
		{ck.CKM_CHACHA20, chacha, &ck.ChaCha20Params{Nonce: make([]byte, 12), Counter: 1 << 32}},
		{ck.CKM_CHACHA20, chacha, &ck.ChaCha20Params{Nonce: make([]byte, 24), Counter: 1 << 32}},
	} {
		reg := mechanism(t, tc.mt)
		for name, start := range map[string]newOperation{"encrypt": reg.Encrypt, "decrypt": reg.Decrypt} {
			if _, err := start(tc.key, &ck.Mechanism{Type: tc.mt, Param: tc.param}); ck.Code(err) != ck.CKR_MECHANISM_PARAM_INVALID {
				t.Errorf("%v, %s with %+v: %v", tc.mt, name, tc.param, err)
			}
		}
	}
}

type newOperation = func(*Key, *ck.Mechanism) (api.Cipher, error)

func TestWycheproofCCM(t *testing.T) {
	forEachVector(t, "aes_ccm_test.json", nil, func(t *testing.T, g *vectorGroup, c *vectorCase) {
		if k, ok := secretKey(t, ck.CKK_AES, c, unhex(c.Key)); ok {
			m := &ck.Mechanism{Type: ck.CKM_AES_CCM, Param: &ck.CCMParams{
				Nonce: unhex(c.IV), AAD: unhex(c.Aad), MACLen: uint64(g.TagSize / 8), DataLen: uint64(len(unhex(c.Msg))),
			}}
			checkCipher(t, k, m, c, append(unhex(c.Ct), unhex(c.Tag)...))
		}
	})
}

func TestWycheproofChaCha20Poly1305(t *testing.T) {
	for _, file := range []string{"chacha20_poly1305_test.json", "xchacha20_poly1305_test.json"} {
		forEachVector(t, file, nil, func(t *testing.T, g *vectorGroup, c *vectorCase) {
			if k, ok := secretKey(t, ck.CKK_CHACHA20, c, unhex(c.Key)); ok {
				m := &ck.Mechanism{Type: ck.CKM_CHACHA20_POLY1305, Param: &ck.ChaCha20Poly1305Params{Nonce: unhex(c.IV), AAD: unhex(c.Aad)}}
				checkCipher(t, k, m, c, append(unhex(c.Ct), unhex(c.Tag)...))
			}
		})
	}
}
