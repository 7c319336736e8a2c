package seal

import (
	"bytes"
	"errors"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

var cheapStretching = Stretching{Argon2id: KDF{Time: 1, Memory: 64, Threads: 1}}

func word(s string) *secret.Bytes { return secret.From([]byte(s)) }

func TestPassphrase(t *testing.T) {
	for _, d := range []Stretching{cheapStretching, {Rounds: MinRounds}} {
		with, err := NewPassphrase(word("correct horse"), d)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := NewPassphrase(word("correct horse"), d)
		if bytes.Equal(with.Key.Expose(), again.Key.Expose()) {
			t.Error("two copies have one key: no salt")
		}
		s, err := NewSlot("p", fixedRoot(1), with)
		if err != nil {
			t.Fatal(err)
		}
		for pass, want := range map[string]error{"correct horse": nil, "correct horsf": ErrSlotKey, "x": ErrSlotKey} {
			key, err := PassphraseKey(s, word(pass))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Open(key); !errors.Is(err, want) {
				t.Errorf("%v: %v", d, err)
			}
		}
	}
}

func TestPassphraseRefuses(t *testing.T) {
	for _, c := range []struct {
		pass string
		d    Stretching
		want error
	}{
		{"1234567", cheapStretching, ErrShortPassphrase},
		{"", cheapStretching, ErrShortPassphrase},
		{"12345678", Stretching{Rounds: MinRounds - 1}, ErrKDF},
		{"12345678", Stretching{Rounds: maxRounds + 1}, ErrKDF},
		{"12345678", Stretching{}, ErrKDF},
		{"12345678", Stretching{Argon2id: KDF{Time: 65, Memory: 64, Threads: 1}}, ErrKDF},
	} {
		if _, err := NewPassphrase(word(c.pass), c.d); !errors.Is(err, c.want) {
			t.Errorf("%q %v: %v", c.pass, c.d, err)
		}
	}
}

// What stands in a file is not authenticated before it is used: work that nobody asked
// for is refused.
func TestStretchingParse(t *testing.T) {
	for _, d := range []Stretching{DefaultStretching(), ApprovedStretching(), cheapStretching} {
		if got, err := parseStretching(d.String()); err != nil || got != d {
			t.Errorf("%v: %v, %v", d, got, err)
		}
	}
	for _, s := range []string{"", "argon2id", "argon2id 1 64", "argon2id 1 64 1 ", "argon2id 1 4294967295 1", "argon2id 64 1048576 1",
		"pbkdf2-sha512 1000", "pbkdf2-sha512 0", "pbkdf2-sha512 0210000", "pbkdf2-sha512 4294967296", "scrypt 1 2 3"} {
		if d, err := parseStretching(s); !errors.Is(err, ErrKDF) {
			t.Errorf("%q: %v, %v", s, d, err)
		}
	}
	s := &Slot{Params: map[string]string{paramKDF: cheapStretching.String(), paramSalt: "00"}}
	if _, err := PassphraseKey(s, word("correct horse")); !errors.Is(err, ErrSlotDamaged) {
		t.Errorf("short salt: %v", err)
	}
}

// DefaultStretching and ApprovedStretching hold to the bounds.
func TestDefaultsAreOK(t *testing.T) {
	if !DefaultStretching().ok() || !ApprovedStretching().ok() || ApprovedStretching().Rounds < MinRounds {
		t.Error("a default is out of bounds")
	}
}
