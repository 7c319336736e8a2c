package service

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"testing"

	"golang.org/x/crypto/xts"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	rawaes "github.com/coffer-hsm/coffer/hsm/crypto/aes"
)

// xtsTestKey is a key of XTS with halves that differ.
func xtsTestKey(size int) []byte {
	value := bytes.Repeat([]byte{0x42}, size)
	value[size-1] = 1
	return value
}

// xtsMode is XTS by the package of golang.org/x, which has no parts of blocks: they are
// put together here (IEEE 1619 section 5.3.2).
func xtsMode(keySize int) mode {
	value := xtsTestKey(keySize)
	made, err := completeSecret(ck.CKK_AES_XTS, value)
	if err != nil {
		panic(err)
	}
	other, err := xts.NewCipher(aes.NewCipher, value)
	if err != nil {
		panic(err)
	}
	encrypt := func(_ cipher.Block, plain []byte) []byte {
		whole := len(plain) &^ 15
		out := make([]byte, whole)
		if other.Encrypt(out, plain[:whole], 7); whole == len(plain) {
			return out
		}
		last, part := out[whole-16:], plain[whole:]
		filled := make([]byte, whole+16)
		copy(filled[whole:], part)
		copy(filled[whole+len(part):], last[len(part):])
		other.Encrypt(filled, filled, 7)
		return append(append(bytes.Clone(out[:whole-16]), filled[whole:]...), last[:len(part)]...)
	}
	number := &ck.BytesParam{Bytes: append([]byte{7}, make([]byte, 15)...)}
	return mode{m: ck.Mechanism{Type: ck.CKM_AES_XTS, Param: number}, key: newKeyFrom(made), least: 16, encrypt: encrypt}
}

// TestXTSLengths: a data unit has a block at least and 2^20 of them at most.
func TestXTSLengths(t *testing.T) {
	md := xtsMode(64)
	reg := mechanism(t, md.m.Type)
	long := make([]byte, rawaes.MaxUnit+1)
	for _, way := range []struct {
		init func(*Key, *ck.Mechanism) (api.Cipher, error)
		code ck.RV
	}{{reg.Encrypt, ck.CKR_DATA_LEN_RANGE}, {reg.Decrypt, ck.CKR_ENCRYPTED_DATA_LEN_RANGE}} {
		start := starter(t, way.init, md.key, &md.m)
		for _, n := range []int{0, 1, 15, len(long)} {
			if _, err := start().OneShot(long, long[:n]); err != way.code {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
		c := start()
		if _, err := c.Update(long, long[:15]); err != nil {
			t.Error(err)
		}
		if _, err := c.Final(long); err != way.code {
			t.Errorf("15 bytes in parts: %v", err)
		}
		c = start()
		for i := range 17 {
			if _, err := c.Update(long, long[:1<<20]); (err != nil) != (i == 16) || i == 16 && err != way.code {
				t.Errorf("part %d of a MiB: %v", i, err)
			}
		}
		if _, err := start().OneShot(long, long[:rawaes.MaxUnit]); err != nil {
			t.Errorf("the longest: %v", err)
		}
	}
}

func TestXTSParameter(t *testing.T) {
	md := xtsMode(32)
	for _, n := range []int{0, 8, 15, 17} {
		m := ck.Mechanism{Type: ck.CKM_AES_XTS, Param: &ck.BytesParam{Bytes: make([]byte, n)}}
		if _, err := mechanism(t, m.Type).Encrypt(md.key, &m); ck.Code(err) != ck.CKR_MECHANISM_PARAM_INVALID {
			t.Errorf("number of %d bytes: %v", n, err)
		}
	}
}

// TestXTSKeys: 32 or 64 bytes, and two halves that differ.
func TestXTSKeys(t *testing.T) {
	for _, n := range []int{1, 16, 31, 33, 48, 65} {
		if _, err := completeSecret(ck.CKK_AES_XTS, xtsTestKey(n)); ck.Code(err) != ck.CKR_ATTRIBUTE_VALUE_INVALID {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	for _, n := range []int{32, 64} {
		if _, err := completeSecret(ck.CKK_AES_XTS, make([]byte, n)); ck.Code(err) != ck.CKR_ATTRIBUTE_VALUE_INVALID {
			t.Errorf("%d bytes in equal halves: %v", n, err)
		}
	}
	generate := mechanism(t, ck.CKM_AES_XTS_KEY_GEN).GenerateKey
	for n, code := range map[uint64]ck.RV{16: ck.CKR_ATTRIBUTE_VALUE_INVALID, 32: ck.CKR_OK, 48: ck.CKR_ATTRIBUTE_VALUE_INVALID, 64: ck.CKR_OK} {
		made, err := generate(nil, ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, n)})
		if ck.Code(err) != code {
			t.Errorf("generating %d bytes: %v", n, err)
		}
		if got, _ := made.Ulong(ck.CKA_VALUE_LEN); err == nil && got != n {
			t.Errorf("asked for %d bytes, got %d", n, got)
		}
	}
}
