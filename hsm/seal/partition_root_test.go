package seal

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// A partition root comes back from under each root key that it was wrapped under,
// with all its keys, whether it is random or derived.
func TestWrapPartition(t *testing.T) {
	id := [16]byte{1}
	r, derived := newPartition(t)
	random, err := NewPartitionRoot(id)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := newPartition(t)
	for what, p := range map[string]*PartitionRoot{"derived": derived, "random": random} {
		for _, under := range []*Root{r, other} {
			blob, err := under.WrapPartition(p)
			if err != nil {
				t.Fatal(err)
			}
			got, err := under.UnwrapPartition(id, blob)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			for i, k := range [][2]*secret.Bytes{
				{got.pepper, p.pepper}, {got.wrap, p.wrap}, {got.digest, p.digest}, {got.header, p.header}, {got.state, p.state},
			} {
				if !bytes.Equal(k[0].Expose(), k[1].Expose()) || k[0].Len() != KeySize {
					t.Errorf("%s: key %d is another", what, i)
				}
			}
		}
	}
	if random.MAC("x") == derived.MAC("x") {
		t.Error("a random root is the derived one")
	}
}

func TestWrapPartitionIsBound(t *testing.T) {
	r, p := newPartition(t)
	blob, err := r.WrapPartition(p)
	if err != nil {
		t.Fatal(err)
	}
	stranger, _ := newPartition(t)
	if _, err := stranger.UnwrapPartition([16]byte{1}, blob); err != ErrSealBroken {
		t.Errorf("another root key: %v", err)
	}
	if _, err := r.UnwrapPartition([16]byte{2}, blob); err != ErrSealBroken {
		t.Errorf("another partition: %v", err)
	}
	tampered(blob, func(changed []byte) {
		if _, err := r.UnwrapPartition([16]byte{1}, changed); err != ErrSealBroken {
			t.Fatalf("%x opens: %v", changed, err)
		}
	})
	p.Zero()
	if _, err := r.WrapPartition(p); err != ErrWiped {
		t.Errorf("a wiped partition root: %v", err)
	}
	r.Zero()
	if _, err := r.UnwrapPartition([16]byte{1}, blob); err != ErrWiped {
		t.Errorf("a wiped root key: %v", err)
	}
}
