// Package softhsm2 reads the tokens of SoftHSM2, of either back end (FORMAT.md).
package softhsm2

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// The names in a token's directory.
const (
	tokenName    = "token.object"
	databaseName = "sqlite3.db"
	objectSuffix = ".object"
)

// The attributes of a token itself.
const (
	attrLabel   ck.AttributeType = 0x80005349
	attrSerial  ck.AttributeType = 0x8000534a
	attrUserPIN ck.AttributeType = 0x8000534d
)

// Token is a token on the disk.
type Token struct {
	Label  string // without the blanks
	Serial string
	Dir    string

	self     fields
	database bool
}

// Tokens lists the tokens in dir, which is a directory of tokens or that of one. What
// cannot be read as a token is an error.
func Tokens(dir string) ([]Token, error) {
	if t, err := openToken(dir); t != nil || err != nil {
		return one(t), err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var tokens []Token
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		t, err := openToken(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, one(t)...)
	}
	return tokens, nil
}

func one(t *Token) []Token {
	if t == nil {
		return nil
	}
	return []Token{*t}
}

// openToken opens the token in dir; nil if there is none.
func openToken(dir string) (*Token, error) {
	t := &Token{Dir: dir}
	var err error
	switch {
	case exists(filepath.Join(dir, tokenName)):
		t.self, err = readFile(filepath.Join(dir, tokenName))
	case exists(filepath.Join(dir, databaseName)):
		t.database = true
		var objects map[int64]fields
		objects, err = readDatabase(filepath.Join(dir, databaseName))
		t.self = objects[tokenObject]
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	label, ok := t.self.template().Find(attrLabel)
	if !ok {
		return nil, importer.Formatf("%s has a token without a label", dir)
	}
	serial, _ := t.self.template().Find(attrSerial)
	t.Label, t.Serial = strings.TrimRight(string(label.Value), " "), string(serial.Value)
	return t, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Read reads everything in the token with its user PIN: ErrPassword, ErrFormat. Single
// objects that cannot be read are among the Left. The caller wipes the source.
func (t *Token) Read(pin *secret.Bytes) (*importer.Source, error) {
	blob, ok := t.self.template().Find(attrUserPIN)
	if !ok || len(blob.Value) == 0 {
		return nil, fmt.Errorf("%w: the user PIN of token %q was never set", importer.ErrUnsupported, t.Label)
	}
	key, err := unseal(blob.Value, pin)
	if err != nil {
		return nil, fmt.Errorf("token %q: %w", t.Label, err)
	}
	defer key.Zero()
	s := &importer.Source{Kind: "SoftHSM2 token", Name: "SoftHSM2 token " + strconv.Quote(t.Label), Label: t.Label}
	if t.database {
		err = t.readDatabase(s, key)
	} else {
		err = t.readFiles(s, key)
	}
	if err != nil {
		s.Wipe()
		return nil, err
	}
	return s, nil
}

func (t *Token) readFiles(s *importer.Source, key *secret.Bytes) error {
	entries, err := os.ReadDir(t.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), objectSuffix) || e.Name() == tokenName {
			continue
		}
		f, err := readFile(filepath.Join(t.Dir, e.Name()))
		add(s, e.Name(), f, err, key)
	}
	return nil
}

func (t *Token) readDatabase(s *importer.Source, key *secret.Bytes) error {
	objects, err := readDatabase(filepath.Join(t.Dir, databaseName))
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(objects)) {
		if id != tokenObject {
			add(s, fmt.Sprintf("%s, object %d", databaseName, id), objects[id], nil, key)
		}
	}
	return nil
}
