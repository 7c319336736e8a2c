package service

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// TestDigests compares every digest in parts of all sizes with the one shot and
// the standard library.
func TestDigests(t *testing.T) {
	data := randomBytes(300)
	for i := range hashes {
		h := &hashes[i]
		std := h.hash.New()
		std.Write(data)
		want := std.Sum(nil)
		start := func() api.Digester {
			d, err := mechanism(t, h.digest).Digest(&ck.Mechanism{Type: h.digest})
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		d := start()
		if got := justEnough(t, func(dst []byte) (int, error) { return d.OneShot(dst, data) }); !bytes.Equal(got, want) {
			t.Errorf("%v: %x, want %x", h.digest, got, want)
		}
		d.Close()
		for size := 1; size <= len(data); size += 7 {
			d := start()
			for part := range chunks(data, size) {
				if err := d.Update(part); err != nil {
					t.Fatal(err)
				}
			}
			if got := justEnough(t, d.Final); !bytes.Equal(got, want) {
				t.Errorf("%v in parts of %d: %x, want %x", h.digest, size, got, want)
			}
		}
	}
}

// chunks yields data in parts of size bytes.
func chunks(data []byte, size int) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for rest := data; len(rest) > 0; {
			n := min(size, len(rest))
			if !yield(rest[:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

func hmacTestKey(t *testing.T, kt ck.KeyType, n int) *Key {
	t.Helper()
	return completed(t, ck.CKO_SECRET_KEY, kt, ck.Bytes(ck.CKA_VALUE, bytes.Repeat([]byte{7}, n)))
}

// macs are all MAC mechanisms, with a key for each.
func macs(t *testing.T) map[*ck.Mechanism]*Key {
	list := map[*ck.Mechanism]*Key{
		{Type: ck.CKM_AES_CMAC}: aesTestKey(t, 16),
		{Type: ck.CKM_AES_CMAC_GENERAL, Param: &ck.UlongParam{Value: 5}}: aesTestKey(t, 32),
	}
	for i := range hashes {
		h := &hashes[i]
		list[&ck.Mechanism{Type: h.hmac.full}] = hmacTestKey(t, ck.CKK_GENERIC_SECRET, 200)
		list[&ck.Mechanism{Type: h.hmac.general, Param: &ck.UlongParam{Value: 10}}] = hmacTestKey(t, h.hmac.keyType, 20)
	}
	return list
}

// TestMACParts: parts give what the one shot gives, an empty part changes
// nothing, and verification agrees.
func TestMACParts(t *testing.T) {
	for m, k := range macs(t) {
		reg := mechanism(t, m.Type)
		for _, data := range [][]byte{nil, randomBytes(1), randomBytes(16), randomBytes(100)} {
			s, err := reg.Sign(k, m)
			if err != nil {
				t.Fatal(err)
			}
			mac := justEnough(t, func(dst []byte) (int, error) { return s.OneShot(dst, data) })
			s.Close()
			for _, size := range []int{1, 15, 16, 17, 100} {
				s, _ := reg.Sign(k, m)
				v, _ := reg.Verify(k, m)
				s.Update(nil)
				v.Update([]byte{})
				for part := range chunks(data, size) {
					s.Update(part)
					v.Update(part)
				}
				if got := justEnough(t, s.Final); !bytes.Equal(got, mac) {
					t.Errorf("%v in parts of %d: %x, want %x", m.Type, size, got, mac)
				}
				if err := v.Final(mac); err != nil {
					t.Errorf("%v in parts of %d: %v", m.Type, size, err)
				}
			}
			checkForgeries(t, k, m, data, mac)
		}
	}
}

// A key that has been wiped makes no MAC, though there are states that were made of it.
func TestMACOfWipedKey(t *testing.T) {
	for i := range hashes {
		m := &ck.Mechanism{Type: hashes[i].hmac.full}
		k := storedKey(t, ck.CKO_SECRET_KEY, ck.CKK_GENERIC_SECRET, ck.Template{ck.Bytes(ck.CKA_VALUE, randomBytes(40))})
		s, err := mechanism(t, m.Type).Sign(k, m)
		if err != nil {
			t.Fatal(m.Type, err)
		}
		s.Close()
		k.Zero()
		if _, err := mechanism(t, m.Type).Sign(k, m); ck.Code(err) != ck.CKR_KEY_SIZE_RANGE {
			t.Errorf("%v: %v", m.Type, err)
		}
	}
}

func checkForgeries(t *testing.T, k *Key, m *ck.Mechanism, data, mac []byte) {
	t.Helper()
	if err := verifyWith(t, k, m, append(bytes.Clone(data), 0), mac); err != ck.CKR_SIGNATURE_INVALID {
		t.Errorf("%v, other data: %v", m.Type, err)
	}
	if err := verifyWith(t, k, m, data, mac[1:]); err != ck.CKR_SIGNATURE_LEN_RANGE {
		t.Errorf("%v, short MAC: %v", m.Type, err)
	}
	if err := verifyWith(t, k, m, data, nil); err != ck.CKR_SIGNATURE_LEN_RANGE {
		t.Errorf("%v, no MAC: %v", m.Type, err)
	}
	if err := verifyWith(t, k, m, data, append(mac, 0)); err != ck.CKR_SIGNATURE_LEN_RANGE {
		t.Errorf("%v, long MAC: %v", m.Type, err)
	}
	for i := range mac {
		mac[i] ^= 0x80
		if err := verifyWith(t, k, m, data, mac); err != ck.CKR_SIGNATURE_INVALID {
			t.Errorf("%v, byte %d wrong: %v", m.Type, i, err)
		}
		mac[i] ^= 0x80
	}
}

func TestMACGeneralLength(t *testing.T) {
	for m, k := range macs(t) {
		if m.Param == nil {
			continue
		}
		reg := mechanism(t, m.Type)
		for _, n := range []uint64{0, maxSum + 1, 1 << 63} {
			bad := &ck.Mechanism{Type: m.Type, Param: &ck.UlongParam{Value: n}}
			if _, err := reg.Sign(k, bad); err != ck.CKR_MECHANISM_PARAM_INVALID {
				t.Errorf("%v, sign with %d bytes: %v", m.Type, n, err)
			}
			if v, err := reg.Verify(k, bad); err != ck.CKR_MECHANISM_PARAM_INVALID || v != nil {
				t.Errorf("%v, verify with %d bytes: %v", m.Type, n, err)
			}
		}
	}
}

func TestHMACKeySize(t *testing.T) {
	k := hmacTestKey(t, ck.CKK_GENERIC_SECRET, maxSecret+1)
	if _, err := mechanism(t, ck.CKM_SHA256_HMAC).Sign(k, &ck.Mechanism{Type: ck.CKM_SHA256_HMAC}); err != ck.CKR_KEY_SIZE_RANGE {
		t.Errorf("key of %d bytes: %v", maxSecret+1, err)
	}
}
