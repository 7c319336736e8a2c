package service

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/aes"
)

// symmetricKeys are keys with a parsed form, and a cipher for each.
var symmetricKeys = []struct {
	name  string
	kt    ck.KeyType
	value int
	use   ck.Mechanism
}{
	{"AES", ck.CKK_AES, 32, ck.Mechanism{Type: ck.CKM_AES_ECB}},
	{"XTS", ck.CKK_AES_XTS, 64, ck.Mechanism{Type: ck.CKM_AES_XTS, Param: &ck.BytesParam{Bytes: make([]byte, 16)}}},
	{"ChaCha20", ck.CKK_CHACHA20, 32, ck.Mechanism{Type: ck.CKM_CHACHA20, Param: &ck.ChaCha20Params{Nonce: make([]byte, 12)}}},
}

func symmetricKey(kt ck.KeyType, n int) *Key {
	value := make([]byte, n)
	for i := range value {
		value[i] = byte(i)
	}
	return newKeyFrom(ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, kt), ck.Bytes(ck.CKA_VALUE, value)})
}

func encryptZeros(t *testing.T, k *Key, m *ck.Mechanism) []byte {
	t.Helper()
	op, err := mechanism(t, m.Type).Encrypt(k, m)
	if err != nil {
		t.Fatal(err)
	}
	defer op.Close()
	out := make([]byte, 64)
	if _, err := op.OneShot(out, make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPreparedKeysAreWiped: Zero, which logout calls, wipes what a key was prepared to. The
// standard library's own form cannot be reached.
func TestPreparedKeysAreWiped(t *testing.T) {
	for _, tt := range symmetricKeys {
		if tt.kt != ck.CKK_CHACHA20 && aes.Path() == "portable" {
			continue
		}
		k := symmetricKey(tt.kt, tt.value)
		before := encryptZeros(t, k, &tt.use)
		k.Zero()
		if after := encryptZeros(t, k, &tt.use); bytes.Equal(before, after) {
			t.Errorf("%s: the key is still there", tt.name)
		}
	}
}

// TestAbandonedKeys: an operation under way goes on with a key that was destroyed; no
// other one starts with a key that had not been prepared.
func TestAbandonedKeys(t *testing.T) {
	for _, tt := range symmetricKeys {
		k := symmetricKey(tt.kt, tt.value)
		want := encryptZeros(t, k, &tt.use)
		op, err := mechanism(t, tt.use.Type).Encrypt(k, &tt.use)
		if err != nil {
			t.Fatal(err)
		}
		k.Abandon()
		k = nil
		for range 3 {
			runtime.GC()
		}
		got := make([]byte, 64)
		if _, err := op.OneShot(got, make([]byte, 64)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x, %v, want %x", tt.name, got, err, want)
		}
		fresh := symmetricKey(tt.kt, tt.value)
		fresh.Abandon()
		if _, err := mechanism(t, tt.use.Type).Encrypt(fresh, &tt.use); ck.Code(err) != ck.CKR_KEY_HANDLE_INVALID {
			t.Errorf("%s: an abandoned key: %v", tt.name, err)
		}
	}
}
