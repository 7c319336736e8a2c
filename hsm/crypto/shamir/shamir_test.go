package shamir

import (
	"bytes"
	"errors"
	"math/bits"
	"testing"
)

// slowMul multiplies polynomials and divides by the modulus, as it is defined.
func slowMul(a, b byte) byte {
	p := 0
	for i := range 8 {
		if b>>i&1 == 1 {
			p ^= int(a) << i
		}
	}
	for n := bits.Len(uint(p)); n > 8; n = bits.Len(uint(p)) {
		p ^= 0x11b << (n - 9)
	}
	return byte(p)
}

func TestField(t *testing.T) {
	for a := range 256 {
		for b := range 256 {
			if got, want := mul(byte(a), byte(b)), slowMul(byte(a), byte(b)); got != want {
				t.Fatalf("%02x times %02x is %02x, want %02x", a, b, got, want)
			}
		}
		if p := mul(byte(a), inverse(byte(a))); a != 0 && p != 1 {
			t.Errorf("%02x times its inverse is %02x", a, p)
		}
	}
	if inverse(0) != 0 {
		t.Error("the inverse of 0 is not 0")
	}
}

func TestSelfTest(t *testing.T) {
	if err := selfTest.Ready(); err != nil {
		t.Fatal(err)
	}
}

func split(t testing.TB, secret []byte, needed, total int) [][]byte {
	t.Helper()
	shares := make([][]byte, total)
	for i := range shares {
		shares[i] = make([]byte, len(secret))
	}
	if err := Split(secret, needed, shares); err != nil {
		t.Fatal(err)
	}
	return shares
}

// choose picks the shares whose bits are set.
func choose(shares [][]byte, set uint) (numbers []byte, chosen [][]byte) {
	for i, s := range shares {
		if set>>i&1 == 1 {
			numbers, chosen = append(numbers, byte(i+1)), append(chosen, s)
		}
	}
	return numbers, chosen
}

// Every subset that is large enough gives the secret, and no smaller one does.
func TestEverySubset(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	for total := 1; total <= 6; total++ {
		for needed := 1; needed <= total; needed++ {
			shares := split(t, secret, needed, total)
			for set := uint(1); set < 1<<total; set++ {
				numbers, chosen := choose(shares, set)
				got := make([]byte, len(secret))
				if err := Join(got, numbers, chosen); err != nil {
					t.Fatal(err)
				}
				if enough := bits.OnesCount(set) >= needed; bytes.Equal(got, secret) != enough {
					t.Errorf("%d of %d, shares %v: %v", needed, total, numbers, !enough)
				}
			}
		}
	}
}

// With one share too few every secret is as likely as any: over all polynomials
// through what is known, each occurs once.
func TestOneTooFewTellsNothing(t *testing.T) {
	for x := 1; x < 256; x++ {
		var seen [256]bool
		for slope := range 256 {
			// The line through (x, 0x5a) with this slope meets 0 at:
			constant := 0x5a ^ mul(byte(slope), byte(x))
			if evaluate([]byte{constant, byte(slope)}, byte(x)) != 0x5a || seen[constant] {
				t.Fatalf("share %d: %02x twice", x, constant)
			}
			seen[constant] = true
		}
	}
}

// The coefficients differ from byte to byte and from time to time, and the highest
// may be 0.
func TestCoefficientsAreRandom(t *testing.T) {
	secret := make([]byte, 4096)
	a, b := split(t, secret, 2, 2), split(t, secret, 2, 2)
	if bytes.Equal(a[0], b[0]) {
		t.Error("two splits are alike")
	}
	var count [256]int
	for _, y := range a[0] { // at 1 of a line through 0: the slope itself
		count[y]++
	}
	for slope, n := range count { // 16 of each to be expected; 60 has a chance below 10^-12
		if n > 60 {
			t.Errorf("slope %02x: %d times", slope, n)
		}
	}
	if count[0] == 0 {
		t.Error("the highest coefficient is never 0") // chance 10^-7
	}
}

func TestAll255(t *testing.T) {
	secret := []byte("all of them")
	shares := split(t, secret, 255, 255)
	numbers := make([]byte, 255)
	for i := range numbers {
		numbers[i] = byte(i + 1)
	}
	got := make([]byte, len(secret))
	if err := Join(got, numbers, shares); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("%v, %x", err, got)
	}
}

func TestRefuses(t *testing.T) {
	one := []byte{1}
	for _, c := range []struct {
		needed int
		shares [][]byte
		want   error
	}{
		{0, [][]byte{one}, ErrCount},
		{2, [][]byte{one}, ErrCount},
		{1, nil, ErrCount},
		{1, make([][]byte, 256), ErrCount},
		{1, [][]byte{{1, 2}}, ErrLength},
	} {
		if err := Split(one, c.needed, c.shares); !errors.Is(err, c.want) {
			t.Errorf("split %d of %d: %v", c.needed, len(c.shares), err)
		}
	}
	for _, c := range []struct {
		numbers []byte
		shares  [][]byte
		want    error
	}{
		{nil, nil, ErrCount},
		{[]byte{1, 2}, [][]byte{one}, ErrCount},
		{[]byte{0}, [][]byte{one}, ErrNumbers},
		{[]byte{7, 7}, [][]byte{one, one}, ErrNumbers},
		{[]byte{1, 2}, [][]byte{one, {1, 2}}, ErrLength},
	} {
		if err := Join(make([]byte, 1), c.numbers, c.shares); !errors.Is(err, c.want) {
			t.Errorf("join %v: %v", c.numbers, err)
		}
	}
}

// FuzzSplit: any secret comes back from any choice of enough shares.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("secret"), byte(3), byte(5), byte(1))
	f.Add([]byte{}, byte(1), byte(1), byte(0))
	f.Fuzz(func(t *testing.T, secret []byte, needed, total, skip byte) {
		n := int(total)%16 + 1
		m := int(needed)%n + 1
		shares := split(t, secret, m, n)
		var numbers []byte
		var chosen [][]byte
		for i := range m {
			at := (i + int(skip)) % n
			numbers, chosen = append(numbers, byte(at+1)), append(chosen, shares[at])
		}
		got := make([]byte, len(secret))
		if err := Join(got, numbers, chosen); err != nil || !bytes.Equal(got, secret) {
			t.Fatalf("%d of %d: %v", m, n, err)
		}
	})
}
