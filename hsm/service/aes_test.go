package service

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// TestAESParameters: what is wrong with a parameter is said when the operation
// starts.
func TestAESParameters(t *testing.T) {
	k := aesTestKey(t, 32)
	iv12 := make([]byte, 12)
	for name, m := range map[string]ck.Mechanism{
		"CBC, short IV":     {Type: ck.CKM_AES_CBC, Param: &ck.BytesParam{Bytes: make([]byte, 15)}},
		"CBC_PAD, long IV":  {Type: ck.CKM_AES_CBC_PAD, Param: &ck.BytesParam{Bytes: make([]byte, 17)}},
		"CTR, no bits":      {Type: ck.CKM_AES_CTR, Param: &ck.CTRParams{Bits: 0}},
		"CTR, 129 bits":     {Type: ck.CKM_AES_CTR, Param: &ck.CTRParams{Bits: 129}},
		"GCM, no IV":        {Type: ck.CKM_AES_GCM, Param: &ck.GCMParams{TagBits: 128}},
		"GCM, no tag":       {Type: ck.CKM_AES_GCM, Param: &ck.GCMParams{IV: iv12}},
		"GCM, 100 bits":     {Type: ck.CKM_AES_GCM, Param: &ck.GCMParams{IV: iv12, TagBits: 100}},
		"GCM, 72 bits":      {Type: ck.CKM_AES_GCM, Param: &ck.GCMParams{IV: iv12, TagBits: 72}},
		"GCM, huge tag":     {Type: ck.CKM_AES_GCM, Param: &ck.GCMParams{IV: iv12, TagBits: 1<<63 + 128}},
		"KW, IV of 4 bytes": {Type: ck.CKM_AES_KEY_WRAP, Param: &ck.BytesParam{Bytes: make([]byte, 4)}},
		"KWP, IV of 8":      {Type: ck.CKM_AES_KEY_WRAP_KWP, Param: &ck.BytesParam{Bytes: make([]byte, 8)}},
	} {
		reg := mechanism(t, m.Type)
		for _, f := range []func(*Key, *ck.Mechanism) (api.Cipher, error){reg.Encrypt, reg.Decrypt} {
			if _, err := f(k, &m); ck.Code(err) != ck.CKR_MECHANISM_PARAM_INVALID {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestCTRWidth: the keystream ends where the counter would come back to 0.
func TestCTRWidth(t *testing.T) {
	k := aesTestKey(t, 16)
	for _, tc := range []struct {
		bits   uint64
		hi, lo uint64 // the first counter block
		blocks int    // of keystream; -1 for more than the test tries
	}{
		{1, 0, 0, 2},
		{1, 0, 1, 1},
		{1, ^uint64(0), ^uint64(0) - 1, 2},
		{4, 0, 0xf3, 13},
		{32, 0, 0xfffffffe, 2},
		{32, 5, 0x1fffffffe, 2},
		{64, 0, ^uint64(0) - 2, 3},
		{64, 0, 0, -1},
		{65, 0, ^uint64(0), -1},
		{65, 1, ^uint64(0), 1},
		{128, ^uint64(0), ^uint64(0) - 3, 4},
		{128, 0, ^uint64(0), -1},
	} {
		p := &ck.CTRParams{Bits: tc.bits}
		binary.BigEndian.PutUint64(p.Block[:8], tc.hi)
		binary.BigEndian.PutUint64(p.Block[8:], tc.lo)
		m := &ck.Mechanism{Type: ck.CKM_AES_CTR, Param: p}
		c := starter(t, mechanism(t, m.Type).Encrypt, k, m)()
		d := starter(t, mechanism(t, m.Type).Decrypt, k, m)()
		if tc.blocks < 0 {
			if _, err := c.OneShot(make([]byte, 1<<16), make([]byte, 1<<16)); err != nil {
				t.Errorf("%d bits from %x %x: %v", tc.bits, tc.hi, tc.lo, err)
			}
			continue
		}
		buf := make([]byte, 16*tc.blocks)
		if _, err := c.Update(buf, buf); err != nil {
			t.Errorf("%d bits from %x %x: %v", tc.bits, tc.hi, tc.lo, err)
		}
		if _, err := c.Update(make([]byte, 1), make([]byte, 1)); err != ck.CKR_DATA_LEN_RANGE {
			t.Errorf("%d bits from %x %x, a byte more: %v", tc.bits, tc.hi, tc.lo, err)
		}
		buf = make([]byte, 16*tc.blocks+1)
		if _, err := d.OneShot(buf, buf); err != ck.CKR_ENCRYPTED_DATA_LEN_RANGE {
			t.Errorf("%d bits from %x %x, decrypting: %v", tc.bits, tc.hi, tc.lo, err)
		}
	}
}

// TestGCMReleasesNothing: no part of a plaintext comes out of a ciphertext with a
// wrong tag, and nothing at all before the tag has been there.
func TestGCMReleasesNothing(t *testing.T) {
	k := aesTestKey(t, 32)
	for _, tagBits := range []uint64{128, 64} {
		m := &ck.Mechanism{Type: ck.CKM_AES_GCM, Param: &ck.GCMParams{IV: make([]byte, 12), TagBits: tagBits}}
		plain := bytes.Repeat([]byte("plain"), 20)
		sealed, err := encryptWith(k, m, plain)
		if err != nil {
			t.Fatal(err)
		}
		sealed[len(sealed)-1] ^= 1
		blank := make([]byte, len(plain))
		dst := make([]byte, len(plain))
		start := starter(t, mechanism(t, m.Type).Decrypt, k, m)
		if n, err := start().OneShot(dst, sealed); n != 0 || err != ck.CKR_ENCRYPTED_DATA_INVALID || !bytes.Equal(dst, blank) {
			t.Errorf("one shot: %d, %v, %x", n, err, dst)
		}
		c := start()
		if n, err := c.Update(dst, sealed); n != 0 || err != nil || !bytes.Equal(dst, blank) {
			t.Errorf("Update: %d, %v, %x", n, err, dst)
		}
		if n, err := c.Final(dst); n != 0 || err != ck.CKR_ENCRYPTED_DATA_INVALID || !bytes.Equal(dst, blank) {
			t.Errorf("Final: %d, %v, %x", n, err, dst)
		}
	}
}

// TestGCMAllocations holds the hot path: one operation, no allocation.
func TestGCMAllocations(t *testing.T) {
	k := aesTestKey(t, 16)
	m := &ck.Mechanism{Type: ck.CKM_AES_GCM, Param: &ck.GCMParams{IV: make([]byte, 12), TagBits: 128}}
	reg := mechanism(t, m.Type)
	src, sealed, dst := make([]byte, 16), make([]byte, 32), make([]byte, 16)
	for name, run := range map[string]func(){
		"encrypt": func() { runOnce(t, reg.Encrypt, k, m, sealed, src) },
		"decrypt": func() { runOnce(t, reg.Decrypt, k, m, dst, sealed) },
	} {
		runOnce(t, reg.Encrypt, k, m, sealed, src)
		if n := testing.AllocsPerRun(100, run); n > 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func runOnce(t testing.TB, start func(*Key, *ck.Mechanism) (api.Cipher, error), k *Key, m *ck.Mechanism, dst, src []byte) {
	c, err := start(k, m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.OneShot(dst, src); err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func BenchmarkGCM16(b *testing.B) {
	k := aesTestKey(b, 16)
	m := &ck.Mechanism{Type: ck.CKM_AES_GCM, Param: &ck.GCMParams{IV: make([]byte, 12), TagBits: 128}}
	reg, _ := Lookup(m.Type)
	src, dst := make([]byte, 16), make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		runOnce(b, reg.Encrypt, k, m, dst, src)
	}
}

// TestWrapUnwrap wraps encodings of every length under every wrapping mechanism
// of AES, and looks at the codes for what cannot be unwrapped.
func TestWrapUnwrap(t *testing.T) {
	k := aesTestKey(t, 24)
	iv := &ck.BytesParam{Bytes: testIV}
	for _, tc := range []struct {
		mt     ck.MechanismType
		param  any
		takes  func(n int) bool
		zeros  bool // fills up with zeros
		checks bool // notices changes
	}{
		{ck.CKM_AES_ECB, nil, anyLength, true, false},
		{ck.CKM_AES_CBC, iv, anyLength, true, false},
		{ck.CKM_AES_CBC_PAD, iv, anyLength, false, false},
		{ck.CKM_AES_GCM, &ck.GCMParams{IV: testIV, TagBits: 96}, anyLength, false, true},
		{ck.CKM_AES_KEY_WRAP, nil, func(n int) bool { return n >= 16 && n%8 == 0 }, false, true},
		{ck.CKM_AES_KEY_WRAP, &ck.BytesParam{Bytes: make([]byte, 8)}, func(n int) bool { return n >= 16 && n%8 == 0 }, false, true},
		{ck.CKM_AES_KEY_WRAP_KWP, nil, anyLength, false, true},
		{ck.CKM_AES_KEY_WRAP_PAD, &ck.BytesParam{Bytes: make([]byte, 4)}, anyLength, false, true},
	} {
		m, reg := &ck.Mechanism{Type: tc.mt, Param: tc.param}, mechanism(t, tc.mt)
		for n := 1; n < 50; n++ {
			plain := randomBytes(n)
			wrap := func(dst []byte) (int, error) { return reg.Wrap(k, m, dst, plain) }
			if !tc.takes(n) {
				if _, err := wrap(make([]byte, 100)); err != ck.CKR_KEY_SIZE_RANGE {
					t.Errorf("%v of %d bytes: %v", tc.mt, n, err)
				}
				continue
			}
			wrapped := justEnough(t, wrap)
			back, err := reg.Unwrap(k, m, wrapped)
			if err != nil {
				t.Fatalf("%v of %d bytes: %v", tc.mt, n, err)
			}
			want := plain
			if tc.zeros {
				want = append(bytes.Clone(plain), make([]byte, (16-n%16)%16)...)
			}
			if !bytes.Equal(back.Expose(), want) {
				t.Errorf("%v of %d bytes comes back changed", tc.mt, n)
			}
			wrapped[0] ^= 1
			if _, err := reg.Unwrap(k, m, wrapped); tc.checks && err != ck.CKR_WRAPPED_KEY_INVALID {
				t.Errorf("%v, changed: %v", tc.mt, err)
			}
		}
		if _, err := reg.Unwrap(k, m, make([]byte, 7)); err != ck.CKR_WRAPPED_KEY_LEN_RANGE {
			t.Errorf("%v, 7 bytes: %v", tc.mt, err)
		}
	}
}

func anyLength(int) bool { return true }

func TestKeyWrapNotInParts(t *testing.T) {
	m := &ck.Mechanism{Type: ck.CKM_AES_KEY_WRAP}
	c := starter(t, mechanism(t, m.Type).Encrypt, aesTestKey(t, 16), m)()
	if _, err := c.Update(make([]byte, 64), make([]byte, 16)); err != ck.CKR_OPERATION_NOT_INITIALIZED {
		t.Errorf("Update: %v", err)
	}
	if _, err := c.Final(make([]byte, 64)); err != ck.CKR_OPERATION_NOT_INITIALIZED {
		t.Errorf("Final: %v", err)
	}
}

func TestDeriveByEncryption(t *testing.T) {
	k := aesTestKey(t, 16)
	block, _ := aes.NewCipher(k.Value())
	data := randomBytes(32)
	ecbOut := make([]byte, 32)
	block.Encrypt(ecbOut, data)
	block.Encrypt(ecbOut[16:], data[16:])
	for _, tc := range []struct {
		m    ck.Mechanism
		want []byte
	}{
		{ck.Mechanism{Type: ck.CKM_AES_ECB_ENCRYPT_DATA, Param: &ck.BytesParam{Bytes: data}}, ecbOut},
		{ck.Mechanism{Type: ck.CKM_AES_CBC_ENCRYPT_DATA, Param: &ck.CBCEncryptDataParams{IV: [16]byte(testIV), Data: data}}, stdCBC(block, data)},
	} {
		reg := mechanism(t, tc.m.Type)
		for _, n := range []int{0, 1, 16, 24, 32} {
			got, err := reg.Derive(k, &tc.m, n)
			want := tc.want
			if n > 0 {
				want = want[:n]
			}
			if err != nil || !bytes.Equal(got.Expose(), want) {
				t.Errorf("%v, %d bytes: %x, %v", tc.m.Type, n, got.Expose(), err)
			}
		}
		if _, err := reg.Derive(k, &tc.m, 33); err != ck.CKR_KEY_SIZE_RANGE {
			t.Errorf("%v, more than there is: %v", tc.m.Type, err)
		}
	}
	for _, n := range []int{0, 15, 17} {
		m := &ck.Mechanism{Type: ck.CKM_AES_ECB_ENCRYPT_DATA, Param: &ck.BytesParam{Bytes: make([]byte, n)}}
		if _, err := mechanism(t, m.Type).Derive(k, m, 0); err != ck.CKR_MECHANISM_PARAM_INVALID {
			t.Errorf("data of %d bytes: %v", n, err)
		}
	}
}
