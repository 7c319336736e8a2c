package service

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// TestSignerUsedAgain: a signer that has been closed has nothing of what it was used for,
// is given away once only, and the next operation with it is one of its own.
func TestSignerUsedAgain(t *testing.T) {
	for _, test := range wipedUses {
		gen, _ := Lookup(test.generate)
		m, _ := Lookup(test.use.Type)
		public, private, err := gen.GenerateKeyPair(&ck.Mechanism{Type: test.generate}, test.public, nil)
		if err != nil {
			t.Fatal(test.name, err)
		}
		key, pub := newKeyFrom(private), newKeyFrom(public)
		for i := range byte(3) {
			s, err := m.Sign(key, &test.use)
			if err != nil {
				t.Fatal(test.name, err)
			}
			other, err := m.Sign(key, &test.use)
			if err != nil || other == s {
				t.Fatalf("%s: one signer for two operations (%v)", test.name, err)
			}
			other.Close()
			other.Close()
			input := bytes.Repeat([]byte{i + 1}, test.input)
			sig := make([]byte, 300)
			if err := s.Update(input[:1]); err != nil {
				t.Fatal(test.name, err)
			}
			n, err := s.OneShot(sig, input[1:])
			if err != nil {
				t.Fatal(test.name, err)
			}
			s.Close()
			s.Close()
			v, err := m.Verify(pub, &test.use)
			if err != nil {
				t.Fatal(test.name, err)
			}
			if err := v.OneShot(input, sig[:n]); err != nil {
				t.Errorf("%s, time %d: %v", test.name, i, err)
			}
			v.Close()
			v.Close()
		}
	}
}

// TestSignedEnds: nothing of the data stays in what is kept for the next operation.
func TestSignedEnds(t *testing.T) {
	var s signed[*ecPublicKey, struct{}]
	s.begin(nil, wholeIntake{})
	if err := s.Update([]byte("data")); err != nil {
		t.Fatal(err)
	}
	kept := s.whole.data
	if !s.end() || s.end() || !bytes.Equal(kept, make([]byte, 4)) || s.whole.data != nil {
		t.Errorf("left: %q, %+v", kept, s)
	}
}
