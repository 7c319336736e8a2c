package service

import (
	"bytes"
	"reflect"
	"testing"
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// memoryOf is the memory of what an interface points to.
func memoryOf(v any) []byte {
	p := reflect.ValueOf(v)
	return unsafe.Slice((*byte)(p.UnsafePointer()), p.Type().Elem().Size())
}

// A digest of a key is that of its bytes, and once it is closed nothing of the key is
// in its state, which the next digest gets.
func TestDigestSecret(t *testing.T) {
	key := []byte("thirty bytes of a secret, thus")
	for i := range hashes {
		h := &hashes[i]
		for name, before := range map[string]int{"alone": 0, "after data": 50, "over the end of a block": h.block - 4} {
			data := make([]byte, before)
			want := h.new()
			want.Write(data)
			want.Write(key)
			s := newDigest(h)
			if err := s.Update(data); err != nil {
				t.Fatal(err)
			}
			if err := DigestSecret(s, key); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, h.size)
			if n, err := s.Final(got); err != nil || !bytes.Equal(got[:n], want.Sum(nil)) {
				t.Errorf("%v, %s: %x, %v", h.digest, name, got, err)
			}
			inner := s.inner
			s.Close()
			if m := memoryOf(inner); bytes.Contains(m, key[:4]) || bytes.Contains(m, key[len(key)-4:]) {
				t.Errorf("%v, %s: the key is in the state of a closed digest", h.digest, name)
			}
			if s.secret || s.busy || !bytes.Equal(s.sum[:], make([]byte, len(s.sum))) {
				t.Errorf("%v, %s: closed as %+v", h.digest, name, s)
			}
		}
	}
}

// A saved digest may be one of a key.
func TestRestoredDigestIsSecret(t *testing.T) {
	h, _ := hashByMechanism(ck.CKM_SHA256)
	key := []byte("thirty bytes of a secret, thus")
	s := newDigest(h)
	defer s.Close()
	if err := DigestSecret(s, key); err != nil {
		t.Fatal(err)
	}
	state, err := s.save()
	if err != nil {
		t.Fatal(err)
	}
	again := newDigest(h)
	if !again.restore(state) {
		t.Fatal("not restored")
	}
	inner := again.inner
	if again.Close(); bytes.Contains(memoryOf(inner), key[:4]) {
		t.Error("the key is in the state of a closed digest")
	}
}
