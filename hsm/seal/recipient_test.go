package seal

import (
	"bytes"
	"testing"
)

func TestRecipient(t *testing.T) {
	id := [16]byte{1}
	k, to := newKey(t), newKey(t)
	public, err := to.Recipient(id)
	if err != nil || len(public) != RecipientSize {
		t.Fatalf("%d bytes: %v", len(public), err)
	}
	if again, _ := to.Recipient(id); !bytes.Equal(again, public) {
		t.Error("it has two public halves")
	}
	blob, err := k.Enclose(id, public, "a")
	if err != nil {
		t.Fatal(err)
	}
	got, err := to.Disclose(id, blob, "a")
	if err != nil || !bytes.Equal(got.key.Expose(), k.key.Expose()) {
		t.Fatalf("%v", err)
	}
	if again, _ := k.Enclose(id, public, "a"); bytes.Equal(again, blob) {
		t.Error("it is the same twice")
	}
	for name, open := range map[string]func() (*Key, error){
		"key":       func() (*Key, error) { return k.Disclose(id, blob, "a") },
		"partition": func() (*Key, error) { return to.Disclose([16]byte{2}, blob, "a") },
		"purpose":   func() (*Key, error) { return to.Disclose(id, blob, "b") },
		"short":     func() (*Key, error) { return to.Disclose(id, blob[:len(blob)-1], "a") },
		"long":      func() (*Key, error) { return to.Disclose(id, append(bytes.Clone(blob), 0), "a") },
		"none":      func() (*Key, error) { return to.Disclose(id, nil, "a") },
	} {
		if _, err := open(); err != ErrSealBroken {
			t.Errorf("another %s: %v", name, err)
		}
	}
	for i := 0; i < len(blob); i += 7 {
		bad := bytes.Clone(blob)
		bad[i] ^= 4
		if _, err := to.Disclose(id, bad, "a"); err != ErrSealBroken {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	if _, err := k.Enclose(id, public[1:], "a"); err != ErrSealBroken {
		t.Errorf("a public half that is too short: %v", err)
	}
}

func TestRecipientWiped(t *testing.T) {
	id := [16]byte{1}
	public, err := newKey(t).Recipient(id)
	if err != nil {
		t.Fatal(err)
	}
	gone := newKey(t)
	gone.Zero()
	if _, err := gone.Enclose(id, public, "a"); err != ErrWiped {
		t.Errorf("a key that was wiped: %v", err)
	}
	if _, err := gone.Recipient(id); err != ErrWiped {
		t.Errorf("a recipient that was wiped: %v", err)
	}
	if gone.MAC(id, "a") == gone.MAC(id, "a") {
		t.Error("a key that was wiped has a MAC")
	}
}

func TestKeyMAC(t *testing.T) {
	k := newKey(t)
	seen := map[[32]byte]bool{}
	for _, tag := range [][32]byte{
		k.MAC([16]byte{1}, "a", []byte("b")), k.MAC([16]byte{2}, "a", []byte("b")), k.MAC([16]byte{1}, "ab"),
		k.MAC([16]byte{1}, "a", []byte("b"), nil), newKey(t).MAC([16]byte{1}, "a", []byte("b")),
	} {
		if seen[tag] {
			t.Error("two have one MAC")
		}
		seen[tag] = true
	}
	if k.MAC([16]byte{1}, "a", []byte("b")) != k.MAC([16]byte{1}, "a", []byte("b")) {
		t.Error("it has two MACs")
	}
}
