package hsm

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// old is what testdata/home-version1.tar.gz holds: a home as Coffer made it before
// partition roots were wrapped and partition keys had terms. In each partition is an
// AES key, "aes key", which encrypts a block of zeros to block; in the first also an
// EC pair and a public data object. One wrong SO PIN was tried in each.
var old = map[ck.SlotID]struct {
	label, block   string
	soPIN, userPIN string
	objects        int
}{
	1: {"first", "e063bccdc7a4a498245f4250c8e610dd", "so-pin-1", "user-pin-1", 4},
	2: {"second", "4472cc2ddf7a6107b921d75e077db38f", "so-pin-2", "user-pin-2", 1},
}

// oldHome unpacks the home, with the modes that it had.
func oldHome(t *testing.T) Config {
	t.Helper()
	f, err := os.Open("testdata/home-version1.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return Config{Home: filepath.Join(dir, "home")}
		}
		if err == nil {
			err = unpack(r, filepath.Join(dir, h.Name), h)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func unpack(r io.Reader, path string, h *tar.Header) error {
	mode := h.FileInfo().Mode()
	if mode.IsDir() {
		return os.MkdirAll(path, mode.Perm())
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, mode.Perm())
}

// TestVersion1: what was written then opens for ever, and can be changed.
func TestVersion1(t *testing.T) {
	c := oldHome(t)
	m := open(t, c)
	checkOld(t, m)
	for slot, o := range old {
		who := loginAs(t, m, slot, []byte(o.userPIN))
		p := m.partitions[slot]
		id := findAES(t, m, slot, who)
		if err := p.SetAttributes(who, id, ck.Template{ck.Bytes(ck.CKA_ID, []byte("later"))}); err != nil {
			t.Error(err)
		}
		if err := p.SetPIN(ck.CKU_USER, []byte(o.userPIN), []byte(o.userPIN)); err != nil {
			t.Error(err)
		}
	}
	checkOld(t, open(t, c))
}

// checkOld checks everything that the home is known to hold.
func checkOld(t *testing.T, m *Module) {
	t.Helper()
	for slot, o := range old {
		p := m.partitions[slot]
		if p == nil || p.Err() != nil {
			t.Fatalf("slot %d: %v", slot, p.Err())
		}
		if info := p.Info(); info.Label != o.label || info.Objects != o.objects {
			t.Errorf("slot %d is %+v", slot, info)
		}
		who := loginAs(t, m, slot, []byte(o.userPIN))
		if got := encryptZeros(t, m, slot, who); got != o.block {
			t.Errorf("slot %d: the key encrypts to %s", slot, got)
		}
	}
}

func loginAs(t *testing.T, m *Module, slot ck.SlotID, pin []byte) api.Caller {
	t.Helper()
	id, err := m.partitions[slot].Login(ck.CKU_USER, pin)
	if err != nil {
		t.Fatalf("slot %d: %v", slot, err)
	}
	return api.Caller{Identity: id, Session: 1, ReadWrite: true}
}

func findAES(t *testing.T, m *Module, slot ck.SlotID, who api.Caller) api.ObjectID {
	t.Helper()
	found, err := m.partitions[slot].Find(who, ck.Template{ck.String(ck.CKA_LABEL, "aes key")})
	if err != nil || len(found) != 1 {
		t.Fatalf("slot %d: %d keys, %v", slot, len(found), err)
	}
	return found[0]
}

// encryptZeros tells the key "aes key" from others.
func encryptZeros(t *testing.T, m *Module, slot ck.SlotID, who api.Caller) string {
	t.Helper()
	op, err := m.partitions[slot].Encrypt(who, &ck.Mechanism{Type: ck.CKM_AES_ECB}, findAES(t, m, slot, who))
	if err != nil {
		t.Fatal(err)
	}
	defer op.Close()
	block := make([]byte, 16)
	if _, err := op.OneShot(block, make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", block)
}
