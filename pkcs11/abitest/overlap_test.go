package abitest

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// overlapCase is a cipher with a key for it.
type overlapCase struct {
	name string
	mech uintptr
	key  uintptr
}

// cipherKey is a key of that type for encryption and decryption.
func (k *token) cipherKey(kt ck.KeyType, n int) uintptr {
	value := make([]byte, n)
	for i := range value {
		value[i] = byte(i)
	}
	return k.create(ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, kt),
		ck.Bytes(ck.CKA_VALUE, value), ck.Bool(ck.CKA_ENCRYPT, true), ck.Bool(ck.CKA_DECRYPT, true))
}

func (k *token) overlapCases() []overlapCase {
	aes, xts, chacha := k.aesKey(), k.cipherKey(ck.CKK_AES_XTS, 64), k.cipherKey(ck.CKK_CHACHA20, 32)
	iv := bytes.Repeat([]byte{3}, 16)
	ctr := append(ck.AppendUlong(nil, 128), iv...)
	nonce := Address(k.Copy(iv[:12]))
	stream := k.Ulongs(Address(k.Bytes(4, 0)), 32, nonce, 96)
	sealed := k.Ulongs(nonce, 12, 0, 0)
	return []overlapCase{
		{"ECB", k.mechanism(ck.CKM_AES_ECB, nil), aes},
		{"CBC", k.mechanism(ck.CKM_AES_CBC, iv), aes},
		{"CBC_PAD", k.mechanism(ck.CKM_AES_CBC_PAD, iv), aes},
		{"CTR", k.mechanism(ck.CKM_AES_CTR, ctr), aes},
		{"GCM", k.mechanism(ck.CKM_AES_GCM, k.gcmParams(true, iv[:12], iv)), aes},
		{"XTS", k.mechanism(ck.CKM_AES_XTS, iv), xts},
		{"CHACHA20", k.mechanism(ck.CKM_CHACHA20, stream), chacha},
		{"CHACHA20_POLY1305", k.mechanism(ck.CKM_CHACHA20_POLY1305, sealed), chacha},
	}
}

// TestUpdateOverlap hands each cipher its text in parts of odd sizes, each with its output at
// a distance from its input, and compares with buffers apart. What an output may cover that
// is not at the same place the standard does not say (section 5.2); here it is all.
func TestUpdateOverlap(t *testing.T) {
	k := open(t)
	text := make([]byte, 160)
	for i := range text {
		text[i] = byte(i)
	}
	for _, c := range k.overlapCases() {
		box := k.overlapped("C_Encrypt", c.mech, c.key, text, 180)
		for _, distance := range []int{-33, -17, -16, -15, -1, 0, 1, 15, 16, 17, 33} {
			if got := k.inParts("C_Encrypt", c, text, distance); !bytes.Equal(got, box) {
				t.Errorf("%s, output %+d from input: encrypted to %x, want %x", c.name, distance, got, box)
			}
			if got := k.inParts("C_Decrypt", c, box, distance); !bytes.Equal(got, text) {
				t.Errorf("%s, output %+d from input: decrypted to %x", c.name, distance, got)
			}
		}
	}
}

// inParts runs a cipher over in, each part in memory of its own.
func (k *token) inParts(name string, c overlapCase, in []byte, distance int) (all []byte) {
	k.Helper()
	k.ok(name+"Init", k.h, c.mech, c.key)
	for i := 0; len(in) > 0; i++ {
		n := min([]int{1, 15, 33, 16, 17, 64}[i%6], len(in))
		mem := k.Bytes(256, 0)
		copy(mem[64:], in[:n])
		size := k.Ulongs(128)
		k.ok(name+"Update", k.h, Address(mem)+64, uintptr(n), Address(mem[64+distance:]), Address(size))
		all, in = append(all, mem[64+distance:][:size.At(0)]...), in[n:]
	}
	rest, size := k.Bytes(256, 0), k.Ulongs(256)
	k.ok(name+"Final", k.h, Address(rest), Address(size))
	return append(all, rest[:size.At(0)]...)
}
