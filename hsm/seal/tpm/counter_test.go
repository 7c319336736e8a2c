package tpm

import (
	"errors"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// TestCounter: it counts up, keeps apart from others, and one that is removed and made
// again does not begin where it began.
func TestCounter(t *testing.T) {
	device, _ := startTPM(t)
	c, other := NewCounter(device, "a"), NewCounter(device, "b")
	if _, err := c.Value(); !errors.Is(err, ErrNoCounter) {
		t.Fatal(err)
	}
	if err := c.Increment(); !errors.Is(err, ErrNoCounter) {
		t.Fatal(err)
	}
	first, err := c.Make()
	if err != nil {
		t.Fatal(err)
	}
	for want := first + 1; want < first+4; want++ {
		if err := c.Increment(); err != nil {
			t.Fatal(err)
		}
		if again, err := c.Make(); err != nil || again != want {
			t.Fatalf("%d, want %d: %v", again, want, err)
		}
	}
	if _, err := other.Make(); err != nil {
		t.Fatal(err)
	}
	if now, err := c.Value(); err != nil || now != first+3 {
		t.Fatalf("%d, want %d: %v", now, first+3, err)
	}
	err = with(device, func(tpm transport.TPM) error {
		auth, err := c.auth(tpm)
		if err != nil {
			return err
		}
		_, err = tpm2.NVUndefineSpace{AuthHandle: tpm2.TPMRHOwner, NVIndex: tpm2.NamedHandle{Handle: auth.Handle, Name: auth.Name}}.Execute(tpm)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.Make(); err != nil || again <= first+3 {
		t.Errorf("%d after %d: %v", again, first+3, err)
	}
	if _, err := NewCounter(device+".none", "a").Value(); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
}
