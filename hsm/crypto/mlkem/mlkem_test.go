package mlkem

import (
	stdmlkem "crypto/mlkem"
	"testing"
)

// Known answers are in the self-test and, all of Wycheproof's, in hsm/service.

func TestSelfTest(t *testing.T) {
	if err := selfTest.Ready(); err != nil {
		t.Error(err)
	}
}

// TestArithmetic holds multiply and subtract against the division of the machine.
func TestArithmetic(t *testing.T) {
	for a := range element(q) {
		for b := element(0); b < q; b += 7 {
			if got := multiply(a, b); got != a*b%q {
				t.Fatalf("%d times %d is %d", a, b, got)
			}
			if got := subtract(a, b); got != (a+q-b)%q {
				t.Fatalf("%d less %d is %d", a, b, got)
			}
		}
	}
}

func TestExpandRefuses(t *testing.T) {
	k, err := stdmlkem.GenerateKey768()
	if err != nil {
		t.Fatal(err)
	}
	seed, ek := k.Bytes(), k.EncapsulationKey().Bytes()
	for name, call := range map[string]func() ([]byte, error){
		"rank of ML-KEM-512": func() ([]byte, error) { return Expand(2, seed, ek) },
		"rank of another":    func() ([]byte, error) { return Expand(4, seed, ek) },
		"short seed":         func() ([]byte, error) { return Expand(3, seed[1:], ek) },
		"short key":          func() ([]byte, error) { return Expand(3, seed, ek[1:]) },
	} {
		if dk, err := call(); err == nil || dk != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Expand(3, seed, ek); err != nil {
		t.Error(err)
	}
}
