package seal

import (
	"bytes"
	"errors"
	"testing"
)

// TestOpener: an opener opens what its key has sealed, one place after the other, and
// refuses what the key refuses.
func TestOpener(t *testing.T) {
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	o := k.Opener()
	for i := range 3 {
		at := Place{Record: [16]byte{byte(i)}, Generation: uint64(i) << 40, Part: byte(i)}
		want := bytes.Repeat([]byte{byte(i)}, 100*i)
		sealed, err := k.Seal(at, want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := o.OpenBytes(at, sealed); err != nil || !bytes.Equal(got, want) {
			t.Errorf("place %d: %x, %v", i, got, err)
		}
		elsewhere := at
		elsewhere.Part++
		newer := append([]byte{version + 1}, sealed[1:]...)
		for name, try := range map[string]func() ([]byte, error){
			"elsewhere": func() ([]byte, error) { return o.OpenBytes(elsewhere, sealed) },
			"newer":     func() ([]byte, error) { return o.OpenBytes(at, newer) },
			"cut":       func() ([]byte, error) { return o.OpenBytes(at, sealed[:Overhead-1]) },
		} {
			if got, err := try(); !errors.Is(err, ErrSealBroken) || got != nil {
				t.Errorf("place %d, %s: %x, %v", i, name, got, err)
			}
		}
	}
	k.Zero()
	for name, o := range map[string]*Opener{"before": o, "after": k.Opener()} {
		if _, err := o.OpenBytes(Place{}, append([]byte{version}, make([]byte, Overhead)...)); !errors.Is(err, ErrWiped) {
			t.Errorf("an opener made %s the key was wiped: %v", name, err)
		}
	}
}

// TestTagger: the tags are those of RecordTag, in any order; of a wiped root they fit
// nothing.
func TestTagger(t *testing.T) {
	p, err := NewPartitionRoot([16]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	tagger := p.Tagger()
	for i := range 3 {
		id, record := [16]byte{byte(i)}, bytes.Repeat([]byte{byte(i)}, 50*i)
		if tagger.Tag(id, record) != p.RecordTag(id, record) {
			t.Errorf("tag %d is another one", i)
		}
	}
	p.Zero()
	if tagger := p.Tagger(); tagger.Tag([16]byte{}, nil) == tagger.Tag([16]byte{}, nil) {
		t.Error("a wiped root has a tag")
	}
}
