// Package wycheproof reads the test vectors of github.com/c2sp/wycheproof, whose
// JSON is embedded in that module. A set that is empty, or smaller than it says,
// is an error: a runner that runs nothing must not pass.
package wycheproof

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	source "github.com/c2sp/wycheproof"
)

// Result is what a test expects of an implementation.
type Result string

// The results (doc/files.md of the module): one that may be either way must
// still be right where there is an answer.
const (
	Valid      Result = "valid"
	Invalid    Result = "invalid"
	Acceptable Result = "acceptable"
)

// Hex is bytes that the files write as hex digits.
type Hex []byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hex) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	*h = b
	return err
}

// A File is one set of vectors.
type File struct {
	Name      string  `json:"-"`
	Algorithm string  `json:"algorithm"`
	Total     int     `json:"numberOfTests"`
	Groups    []Group `json:"testGroups"`
}

// A Group is tests that share a key or parameters. It has the fields of all
// kinds of groups; those that a file does not have are zero. Sizes are in bits,
// except SaltLen, which is in bytes.
type Group struct {
	Type       string     `json:"type"`
	KeySize    int        `json:"keySize"`
	TagSize    int        `json:"tagSize"`
	SHA        string     `json:"sha"`
	MGFSHA     string     `json:"mgfSha"`
	SaltLen    int        `json:"sLen"`
	Parameters string     `json:"parameterSet"`
	Curve      string     `json:"curve"`
	Encoding   string     `json:"encoding"`
	PublicKey  PublicKey  `json:"publicKey"`
	PrivateKey PrivateKey `json:"privateKey"`
	Tests      []Case     `json:"tests"`
}

// PublicKey is the key of a group of signatures: RSA, EC or Edwards.
type PublicKey struct {
	Modulus  Hex    `json:"modulus"`
	Exponent Hex    `json:"publicExponent"`
	Curve    string `json:"curve"`
	Point    Hex    `json:"uncompressed"`
	Edwards  Hex    `json:"pk"`
}

// PrivateKey is the RSA key of a group. Files of generated signatures leave out
// the primes and what follows from them.
type PrivateKey struct {
	Modulus         Hex `json:"modulus"`
	PublicExponent  Hex `json:"publicExponent"`
	PrivateExponent Hex `json:"privateExponent"`
	Prime1          Hex `json:"prime1"`
	Prime2          Hex `json:"prime2"`
	Exponent1       Hex `json:"exponent1"`
	Exponent2       Hex `json:"exponent2"`
	Coefficient     Hex `json:"coefficient"`
}

// A Case is one test, with the fields of all kinds of tests. Public and Private
// are left as they are, as each encoding writes them differently.
type Case struct {
	ID      int             `json:"tcId"`
	Comment string          `json:"comment"`
	Flags   []string        `json:"flags"`
	Result  Result          `json:"result"`
	Key     Hex             `json:"key"`
	IV      Hex             `json:"iv"`
	AAD     Hex             `json:"aad"`
	Msg     Hex             `json:"msg"`
	CT      Hex             `json:"ct"`
	Tag     Hex             `json:"tag"`
	Sig     Hex             `json:"sig"`
	Label   Hex             `json:"label"`
	Shared  Hex             `json:"shared"`
	Seed    Hex             `json:"seed"`
	EK      Hex             `json:"ek"`
	DK      Hex             `json:"dk"`
	C       Hex             `json:"c"`
	K       Hex             `json:"K"`
	IKM     Hex             `json:"ikm"`
	Salt    Hex             `json:"salt"`
	Info    Hex             `json:"info"`
	OKM     Hex             `json:"okm"`
	Size    int             `json:"size"` // bytes
	Public  json.RawMessage `json:"public"`
	Private json.RawMessage `json:"private"`
}

// HasFlag reports whether the test is marked with name.
func (c *Case) HasFlag(name string) bool { return slices.Contains(c.Flags, name) }

// Names lists the files of the pinned module.
func Names() ([]string, error) { return fs.Glob(source.TestVectors, "*.json") }

// Load reads a file of the pinned module.
func Load(name string) (*File, error) { return load(source.TestVectors, name) }

func load(folder fs.FS, name string) (*File, error) {
	text, err := fs.ReadFile(folder, name)
	if err != nil {
		return nil, err
	}
	f := &File{Name: name}
	if err := json.Unmarshal(text, f); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// check makes sure that the file has all the tests that it says it has, each
// with an expectation.
func (f *File) check() error {
	n := 0
	for i := range f.Groups {
		g := &f.Groups[i]
		if len(g.Tests) == 0 {
			return fmt.Errorf("group %d has no tests", i)
		}
		n += len(g.Tests)
		for _, c := range g.Tests {
			if c.Result != Valid && c.Result != Invalid && c.Result != Acceptable {
				return fmt.Errorf("test %d expects %q", c.ID, c.Result)
			}
		}
	}
	switch {
	case n == 0:
		return errors.New("no tests")
	case n != f.Total:
		return fmt.Errorf("%d tests, %d announced", n, f.Total)
	}
	return nil
}
