package service

import (
	"bytes"
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

var rng = rand.NewChaCha8([32]byte{'s', 'e', 'r', 'v', 'i', 'c', 'e'})

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rng.Read(b)
	return b
}

func aesTestKey(t testing.TB, size int) *Key {
	t.Helper()
	made, err := completeSecret(ck.CKK_AES, bytes.Repeat([]byte{0x42}, size))
	if err != nil {
		t.Fatal(err)
	}
	return newKeyFrom(made)
}

// mode is a cipher under test and the standard library's word for it.
type mode struct {
	m     ck.Mechanism
	whole bool // takes whole blocks only
	key   *Key // nil for one of AES
	least int  // how short the plaintext may be
	// encrypt is the ciphertext of plain, computed without this package.
	encrypt func(b cipher.Block, plain []byte) []byte
}

var (
	testIV = []byte("initial value 16")
	modes  = []mode{
		{m: ck.Mechanism{Type: ck.CKM_AES_ECB}, whole: true, encrypt: func(b cipher.Block, plain []byte) []byte {
			out := bytes.Clone(plain)
			for i := 0; i < len(out); i += 16 {
				b.Encrypt(out[i:], out[i:])
			}
			return out
		}},
		{m: ck.Mechanism{Type: ck.CKM_AES_CBC, Param: &ck.BytesParam{Bytes: testIV}}, whole: true, encrypt: stdCBC},
		{m: ck.Mechanism{Type: ck.CKM_AES_CBC_PAD, Param: &ck.BytesParam{Bytes: testIV}},
			encrypt: func(b cipher.Block, plain []byte) []byte {
				pad := 16 - len(plain)%16
				return stdCBC(b, append(bytes.Clone(plain), bytes.Repeat([]byte{byte(pad)}, pad)...))
			}},
		{m: ck.Mechanism{Type: ck.CKM_AES_CTR, Param: &ck.CTRParams{Bits: 32, Block: [16]byte(testIV)}},
			encrypt: func(b cipher.Block, plain []byte) []byte {
				out := make([]byte, len(plain))
				cipher.NewCTR(b, testIV).XORKeyStream(out, plain)
				return out
			}},
		gcmMode(12, 128), gcmMode(12, 96), gcmMode(16, 128), gcmMode(1, 32),
		xtsMode(32), xtsMode(64),
	}
)

func stdCBC(b cipher.Block, plain []byte) []byte {
	out := make([]byte, len(plain))
	cipher.NewCBCEncrypter(b, testIV).CryptBlocks(out, plain)
	return out
}

func gcmMode(ivSize int, tagBits uint64) mode {
	iv, aad := testIV[:ivSize], []byte("associated data")
	m := ck.Mechanism{Type: ck.CKM_AES_GCM, Param: &ck.GCMParams{IV: iv, AAD: aad, TagBits: tagBits}}
	return mode{m: m, encrypt: func(b cipher.Block, plain []byte) []byte {
		g, err := cipher.NewGCMWithNonceSize(b, ivSize)
		if err != nil {
			panic(err)
		}
		return g.Seal(nil, iv, plain, aad)[:len(plain)+int(tagBits/8)]
	}}
}

// forEachMode runs f in both directions of every mode, with every length up to
// 70 that it takes: in and out are what goes in and what must come out.
func forEachMode(t *testing.T, f func(t *testing.T, start func() api.Cipher, in, out []byte)) {
	k := aesTestKey(t, 32)
	block, _ := aes.NewCipher(k.Value())
	for _, md := range modes {
		name := md.m.Type.String()
		if p, ok := md.m.Param.(*ck.GCMParams); ok {
			name += fmt.Sprintf(" IV %d tag %d", len(p.IV), p.TagBits)
		}
		reg, k := mechanism(t, md.m.Type), cmp.Or(md.key, k)
		t.Run(name, func(t *testing.T) {
			for n := md.least; n <= 70; n++ {
				if md.whole && n%16 != 0 {
					continue
				}
				plain := randomBytes(n)
				sealed := md.encrypt(block, plain)
				f(t, starter(t, reg.Encrypt, k, &md.m), plain, sealed)
				f(t, starter(t, reg.Decrypt, k, &md.m), sealed, plain)
			}
		})
	}
}

func starter(t *testing.T, start func(*Key, *ck.Mechanism) (api.Cipher, error), k *Key, m *ck.Mechanism) func() api.Cipher {
	return func() api.Cipher {
		t.Helper()
		c, err := start(k, m)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// justEnough gives output to op in a buffer that is just long enough, after trying
// one that is a byte short and asking for the size, neither of which may change
// anything.
func justEnough(t *testing.T, op func(dst []byte) (int, error)) []byte {
	t.Helper()
	told, err := op(nil)
	if err != nil {
		t.Fatalf("asking for the size: %v", err)
	}
	n, err := op([]byte{})
	if err == nil {
		if n != 0 {
			t.Fatalf("%d bytes in a buffer of none", n)
		}
		return nil
	}
	if err != ck.CKR_BUFFER_TOO_SMALL || n > told || n == 0 {
		t.Fatalf("buffer of none: needs %d (%d told), %v", n, told, err)
	}
	if need, err := op(make([]byte, n-1)); err != ck.CKR_BUFFER_TOO_SMALL || need != n {
		t.Fatalf("buffer of %d, needs %d: %v", n-1, need, err)
	}
	dst := make([]byte, n)
	if got, err := op(dst); err != nil || got != n {
		t.Fatalf("buffer of %d: %d, %v", n, got, err)
	}
	return dst
}

func TestCipherOneShot(t *testing.T) {
	forEachMode(t, func(t *testing.T, start func() api.Cipher, in, out []byte) {
		c := start()
		defer c.Close()
		if got := justEnough(t, func(dst []byte) (int, error) { return c.OneShot(dst, in) }); !bytes.Equal(got, out) {
			t.Errorf("%d bytes: %x, want %x", len(in), got, out)
		}
	})
}

func TestCipherOneShotInPlace(t *testing.T) {
	forEachMode(t, func(t *testing.T, start func() api.Cipher, in, out []byte) {
		c := start()
		defer c.Close()
		buf := make([]byte, max(len(in), len(out)))
		copy(buf, in)
		n, err := c.OneShot(buf, buf[:len(in)])
		if err != nil || !bytes.Equal(buf[:n], out) {
			t.Errorf("%d bytes: %x, %v; want %x", len(in), buf[:n], err, out)
		}
	})
}

// TestCipherParts compares all part sizes with the one shot.
func TestCipherParts(t *testing.T) {
	forEachMode(t, func(t *testing.T, start func() api.Cipher, in, out []byte) {
		for size := 1; size <= len(in)+1; size++ {
			c := start()
			var got []byte
			for rest := in; len(rest) > 0; {
				part := rest[:min(size, len(rest))]
				got = append(got, justEnough(t, func(dst []byte) (int, error) { return c.Update(dst, part) })...)
				rest = rest[len(part):]
			}
			got = append(got, justEnough(t, c.Final)...)
			c.Close()
			if !bytes.Equal(got, out) {
				t.Fatalf("%d bytes in parts of %d: %x, want %x", len(in), size, got, out)
			}
		}
	})
}

// TestCipherPartsInPlace does so in the memory of the input, with parts of many
// sizes one after the other.
func TestCipherPartsInPlace(t *testing.T) {
	forEachMode(t, func(t *testing.T, start func() api.Cipher, in, out []byte) {
		for range 4 {
			c := start()
			var got []byte
			for rest := bytes.Clone(in); len(rest) > 0; {
				size := min(1+int(rng.Uint64()%40), len(rest))
				buf := make([]byte, size+aesBlockSize) // a held block may come out with the part
				copy(buf, rest[:size])
				n, err := c.Update(buf, buf[:size])
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, buf[:n]...)
				rest = rest[size:]
			}
			got = append(got, justEnough(t, c.Final)...)
			c.Close()
			if !bytes.Equal(got, out) {
				t.Fatalf("%d bytes: %x, want %x", len(in), got, out)
			}
		}
	})
}

// TestNothingHeldBack checks what clients rely on: without padding, whole blocks
// that go in come out at once.
func TestNothingHeldBack(t *testing.T) {
	k := aesTestKey(t, 16)
	for _, md := range modes[:2] {
		reg := mechanism(t, md.m.Type)
		for _, start := range []func() api.Cipher{starter(t, reg.Encrypt, k, &md.m), starter(t, reg.Decrypt, k, &md.m)} {
			c := start()
			if n, err := c.Update(make([]byte, 48), make([]byte, 48)); n != 48 || err != nil {
				t.Errorf("%v: %d of 48 bytes, %v", md.m.Type, n, err)
			}
			if n, err := c.Final(make([]byte, 0)); n != 0 || err != nil {
				t.Errorf("%v: Final gives %d, %v", md.m.Type, n, err)
			}
		}
	}
}

func TestCipherLengthErrors(t *testing.T) {
	k := aesTestKey(t, 16)
	iv := &ck.BytesParam{Bytes: testIV}
	gcm := &ck.GCMParams{IV: testIV, TagBits: 128}
	for _, tc := range []struct {
		mt      ck.MechanismType
		param   any
		decrypt bool
		size    int
		want    ck.RV
	}{
		{ck.CKM_AES_ECB, nil, false, 17, ck.CKR_DATA_LEN_RANGE},
		{ck.CKM_AES_ECB, nil, true, 15, ck.CKR_ENCRYPTED_DATA_LEN_RANGE},
		{ck.CKM_AES_CBC, iv, false, 31, ck.CKR_DATA_LEN_RANGE},
		{ck.CKM_AES_CBC, iv, true, 1, ck.CKR_ENCRYPTED_DATA_LEN_RANGE},
		{ck.CKM_AES_CBC_PAD, iv, true, 0, ck.CKR_ENCRYPTED_DATA_LEN_RANGE},
		{ck.CKM_AES_CBC_PAD, iv, true, 33, ck.CKR_ENCRYPTED_DATA_LEN_RANGE},
		{ck.CKM_AES_GCM, gcm, true, 15, ck.CKR_ENCRYPTED_DATA_LEN_RANGE},
		{ck.CKM_AES_GCM, gcm, true, 16, ck.CKR_ENCRYPTED_DATA_INVALID},
	} {
		reg := mechanism(t, tc.mt)
		f := reg.Encrypt
		if tc.decrypt {
			f = reg.Decrypt
		}
		start := starter(t, f, k, &ck.Mechanism{Type: tc.mt, Param: tc.param})
		if _, err := start().OneShot(make([]byte, 64), make([]byte, tc.size)); err != tc.want {
			t.Errorf("%v of %d bytes: %v, want %v", tc.mt, tc.size, err, tc.want)
		}
		c := start()
		if _, err := c.Update(make([]byte, 64), make([]byte, tc.size)); err != nil {
			t.Errorf("%v, Update with %d bytes: %v", tc.mt, tc.size, err)
		}
		if _, err := c.Final(make([]byte, 64)); err != tc.want {
			t.Errorf("%v, Final after %d bytes: %v, want %v", tc.mt, tc.size, err, tc.want)
		}
	}
}

// TestBadPadding: every wrong padding has the same answer, in one go and in parts.
func TestBadPadding(t *testing.T) {
	k := aesTestKey(t, 16)
	block, _ := aes.NewCipher(k.Value())
	m := &ck.Mechanism{Type: ck.CKM_AES_CBC_PAD, Param: &ck.BytesParam{Bytes: testIV}}
	start := starter(t, mechanism(t, m.Type).Decrypt, k, m)
	good := append(make([]byte, 28), 4, 4, 4, 4)
	for _, tc := range []struct {
		name   string
		offset int
		value  byte
	}{{"zero", 31, 0}, {"too long", 31, 17}, {"huge", 31, 255}, {"not all the same", 28, 5}, {"of another length", 31, 6}} {
		plain := bytes.Clone(good)
		plain[tc.offset] = tc.value
		sealed := stdCBC(block, plain)
		if _, err := start().OneShot(make([]byte, 64), sealed); err != ck.CKR_ENCRYPTED_DATA_INVALID {
			t.Errorf("%s: %v", tc.name, err)
		}
		c := start()
		if n, err := c.Update(make([]byte, 64), sealed); n != 16 || err != nil {
			t.Errorf("%s: Update gives %d, %v", tc.name, n, err)
		}
		if _, err := c.Final(make([]byte, 64)); err != ck.CKR_ENCRYPTED_DATA_INVALID {
			t.Errorf("%s in parts: %v", tc.name, err)
		}
	}
}
