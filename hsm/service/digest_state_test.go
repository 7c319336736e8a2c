package service

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

func digestOf(t *testing.T, m ck.MechanismType) api.Digester {
	t.Helper()
	mechanism, _ := Lookup(m)
	d, err := mechanism.Digest(&ck.Mechanism{Type: m})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Every digest there is goes on from where it was saved.
func TestSavedDigests(t *testing.T) {
	data := bytes.Repeat([]byte("part"), 77)
	for i := range hashes {
		h := &hashes[i]
		for _, cut := range []int{0, 1, h.block - 1, h.block, 200} {
			d := digestOf(t, h.digest)
			if err := d.Update(data[:cut]); err != nil {
				t.Fatal(err)
			}
			saved, err := SaveDigest(d)
			if err != nil {
				t.Fatalf("%v: %v", h.digest, err)
			}
			_ = d.Update([]byte("what comes after is not in it"))
			back, err := RestoreDigest(saved)
			if err != nil {
				t.Fatalf("%v: %v", h.digest, err)
			}
			want, got := make([]byte, h.size), make([]byte, h.size)
			if _, err := digestOf(t, h.digest).OneShot(want, data); err != nil {
				t.Fatal(err)
			}
			if err := back.Update(data[cut:]); err != nil {
				t.Fatal(err)
			}
			if n, err := back.Final(got); n != h.size || err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v, cut at %d: %x, want %x (%v)", h.digest, cut, got, want, err)
			}
		}
	}
}

func TestSavedDigestsRefused(t *testing.T) {
	if _, err := SaveDigest(&summer{Hash: hmac.New(sha256.New, []byte("key")), size: 32}); ck.Code(err) != ck.CKR_STATE_UNSAVEABLE {
		t.Errorf("a MAC: %v", err)
	}
	saved, err := SaveDigest(digestOf(t, ck.CKM_SHA256))
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.Clone(saved)
	other[7] ^= 0xff
	for name, state := range map[string][]byte{
		"nothing": nil, "a name": saved[:8], "short": saved[:len(saved)-1], "another name": other,
	} {
		if _, err := RestoreDigest(state); ck.Code(err) != ck.CKR_SAVED_STATE_INVALID {
			t.Errorf("%s: %v", name, err)
		}
	}
}
