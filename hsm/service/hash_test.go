package service

import (
	"bytes"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// TestHashRows holds each row against the standard library and against the
// spelling of the standard: every name of a row must contain that of its hash.
func TestHashRows(t *testing.T) {
	for i := range hashes {
		h := &hashes[i]
		if !h.hash.Available() {
			t.Errorf("%v is not linked in", h.hash)
		}
		d, std := h.new(), h.hash.New()
		if d.Size() != h.size || d.BlockSize() != h.block || std.Size() != h.size {
			t.Errorf("%v: size %d and block %d, the table says %d and %d", h.digest, d.Size(), d.BlockSize(), h.size, h.block)
		}
		d.Write([]byte("abc"))
		std.Write([]byte("abc"))
		if !bytes.Equal(d.Sum(nil), std.Sum(nil)) {
			t.Errorf("%v: constructor and crypto.Hash differ", h.digest)
		}
		for _, name := range h.names() {
			if !strings.Contains(plain(name), plain(h.digest.String())) {
				t.Errorf("%s stands in the row of %v", name, h.digest)
			}
		}
	}
}

// names returns all names of the row that the standard has.
func (h *hashInfo) names() []string {
	list := []string{h.hmac.keyType.String()}
	for _, m := range []ck.MechanismType{h.hmac.full, h.hmac.general, h.hmac.keyGen, h.derive, h.rsaPKCS, h.rsaPSS, h.ecdsa} {
		if m != 0 {
			list = append(list, m.String())
		}
	}
	if h.mgf != 0 {
		list = append(list, h.mgf.String())
	}
	if h.kdf != 0 {
		list = append(list, h.kdf.String())
	}
	return list
}

// plain removes what the standard spells now one way, now the other: SHA_1, SHA1.
func plain(name string) string {
	return strings.NewReplacer("CKM_", "", "SHA_1", "SHA1").Replace(name)
}

func TestHashLookups(t *testing.T) {
	for i := range hashes {
		h := &hashes[i]
		if got, ok := hashByMechanism(h.digest); !ok || got != h {
			t.Errorf("hashByMechanism(%v) = %v, %v", h.digest, got, ok)
		}
		if got, ok := hashByMGF(h.mgf); ok != (h.mgf != 0) || (ok && got != h) {
			t.Errorf("hashByMGF(%v) = %v, %v", h.mgf, got, ok)
		}
		if got, ok := hashByKDF(h.kdf); ok != (h.kdf != 0) || (ok && got != h) {
			t.Errorf("hashByKDF(%v) = %v, %v", h.kdf, got, ok)
		}
	}
	if _, ok := hashByMechanism(ck.CKM_AES_GCM); ok {
		t.Error("CKM_AES_GCM is a hash")
	}
	if _, ok := hashByKDF(ck.CKD_NULL); ok {
		t.Error("CKD_NULL is a hash")
	}
}

// What is computed at once is what an operation computes, for messages around the
// lengths of blocks, in place too.
func TestSums(t *testing.T) {
	message, sums := bytes.Repeat([]byte("0123456789abcdef"), 20), 0
	for i := range hashes {
		h := &hashes[i]
		sum := h.summing()
		if sum == nil {
			continue
		}
		sums++
		for n := range message {
			want, got := make([]byte, 70), make([]byte, 70)
			wantN, wantErr := newDigest(h).OneShot(want, message[:n])
			if err := sum.Do(got, message[:n]); sum.Size != wantN || err != wantErr || !bytes.Equal(got, want) {
				t.Fatalf("%v of %d bytes: %x, %v, not %x, %v", h.digest, n, got[:sum.Size], err, want[:wantN], wantErr)
			}
		}
		same := bytes.Clone(message)
		if err := sum.Do(same, same); err != nil {
			t.Fatal(err)
		}
		want := make([]byte, h.size)
		if _, _ = newDigest(h).OneShot(want, message); !bytes.Equal(same[:h.size], want) {
			t.Errorf("%v in place: %x, not %x", h.digest, same[:h.size], want)
		}
	}
	if sums < 4 {
		t.Errorf("%d hashes have a sum", sums)
	}
}
