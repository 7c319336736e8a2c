package seal

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Errors of key files. What is returned wraps one of them, names the file and
// says what to do.
var (
	ErrKeyFileMissing    = errors.New("no such key file")
	ErrKeyFileExists     = errors.New("exists already")
	ErrKeyFilePermission = errors.New("key file is not private")
	ErrKeyFileForeign    = errors.New("not a key file of this program")
	ErrKeyFileDamaged    = errors.New("key file is damaged")
	ErrKeyFileLink       = errors.New("a symbolic link")
	ErrKeyFileNewer      = errors.New("key file of a newer version of this program")
)

// keyText is the form of a file that holds a key: three lines of text (FORMAT.md,
// "Key file"). It is the first line up to the number of the version.
type keyText string

const (
	rootKeyText keyText = "coffer root key, version " // the root key itself
	sealKeyText keyText = "coffer seal key, version " // a key that a copy of it is sealed under
	heldKeyText keyText = "coffer held key, version " // the root key while it is unlocked

	checkSize = 16 // bytes of SHA-256
	keyDigits = 2 * KeySize
)

func (t keyText) head() string { return string(t) + "1\n" }

// size is the length of the file in bytes.
func (t keyText) size() int {
	return len(t.head()) + len("key ") + keyDigits + 1 + len("check ") + 2*checkSize + 1
}

// IsKeyText reports whether a file that begins with head has a key: the root key, what a
// copy of it is sealed under, or such a copy; of any version.
func IsKeyText(head []byte) bool {
	for _, magic := range []string{string(rootKeyText), string(sealKeyText), string(heldKeyText), slotMagic} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return false
}

type keyFile string

// KeyFile unseals with the root key in the file at path, which CreateKeyFile
// wrote.
func KeyFile(path string) Unsealer { return keyFile(path) }

func (f keyFile) Name() string { return "key file " + string(f) }

func (f keyFile) Unseal() (*secret.Bytes, error) { return rootKeyText.read(string(f)) }

// read reads the key of a file of the home that is private.
func (t keyText) read(path string) (*secret.Bytes, error) {
	text, err := readPrivate(path, t.size()+1)
	return t.parseFile(path, text, err)
}

// readSealKey reads the key of a private file that is named in home, or by the caller if
// that is empty.
func readSealKey(home, path string) (*secret.Bytes, error) {
	text, err := readNamed(home, path, sealKeyText.size()+1)
	return sealKeyText.parseFile(path, text, err)
}

// parseFile is parse for what was read, or not, of a file; it wipes that.
func (t keyText) parseFile(path string, text *secret.Bytes, err error) (*secret.Bytes, error) {
	if err != nil {
		return nil, err
	}
	defer text.Zero()
	key, err := t.parse(text.Expose())
	if err != nil {
		return nil, keyFileError(path, err)
	}
	return key, nil
}

// hints say what to do about each error.
var hints = map[error]string{
	ErrKeyFileMissing:    "put it back from your copy: what is sealed under it opens with no other",
	ErrKeyFileExists:     "it was left as it is",
	ErrKeyFilePermission: "only its owner may be able to read it: chmod 600",
	ErrKeyFileForeign:    "set the path to the right one",
	ErrKeyFileDamaged:    "restore it from a backup",
	ErrKeyFileLink:       "put the file itself there; for a key elsewhere: coffer seal add key-file --path FILE",
	ErrKeyFileNewer:      "upgrade this program",
}

func keyFileError(path string, err error) error {
	return fmt.Errorf("seal: %s: %w; %s", path, err, hints[err])
}

// parse reads the text of a file, exactly as format writes it.
func (t keyText) parse(text []byte) (*secret.Bytes, error) {
	if !bytes.HasPrefix(text, []byte(t.head())) {
		if isNewer(text, string(t)) {
			return nil, ErrKeyFileNewer
		}
		return nil, ErrKeyFileForeign
	}
	if len(text) != t.size() {
		return nil, ErrKeyFileDamaged
	}
	digits := text[len(t.head())+len("key "):][:keyDigits]
	key := secret.New(KeySize)
	if _, err := hex.Decode(key.Expose(), digits); err != nil {
		key.Zero()
		return nil, ErrKeyFileDamaged
	}
	want := t.format(key)
	defer want.Zero()
	if subtle.ConstantTimeCompare(want.Expose(), text) != 1 {
		key.Zero()
		return nil, ErrKeyFileDamaged
	}
	return key, nil
}

// isNewer reports whether the first line is magic and a number of a version that is
// not 1.
func isNewer(text []byte, magic string) bool {
	rest, ok := bytes.CutPrefix(text, []byte(magic))
	number, _, line := bytes.Cut(rest, []byte("\n"))
	if !ok || !line || len(number) == 0 || len(number) > 5 || number[0] == '0' {
		return false
	}
	return len(bytes.Trim(number, "0123456789")) == 0
}

// format writes a key as the text of its file.
func (t keyText) format(key *secret.Bytes) *secret.Bytes {
	s := secret.New(t.size())
	b := append(s.Expose()[:0], t.head()...)
	b = append(b, "key "...)
	b = hex.AppendEncode(b, key.Expose())
	b = append(b, '\n')
	sum := sha256.Sum256(b)
	b = append(b, "check "...)
	b = hex.AppendEncode(b, sum[:checkSize])
	copy(s.Expose()[len(b):], "\n")
	runtime.KeepAlive(key)
	return s
}

// create writes a key to a new file at path, readable for its owner alone, and
// returns when it is on the disk: ErrKeyFileExists. Whoever is cut off in the middle
// leaves no file at path.
func (t keyText) create(path string, key *secret.Bytes) error {
	if key.Len() != KeySize {
		return ErrWiped
	}
	if _, err := private.Lstat(path); err == nil {
		return keyFileError(path, ErrKeyFileExists)
	}
	text := t.format(key)
	defer text.Zero()
	whole, err := stage(filepath.Dir(path), text.Expose())
	if err != nil {
		return err
	}
	defer private.Remove(whole)
	return publish(whole, path)
}

// randomKey makes a key of KeySize random bytes.
func randomKey() *secret.Bytes {
	key := secret.New(KeySize)
	rand.Read(key.Expose()) // never fails
	return key
}

// CreateKeyFile writes a new random root key to a new file at path, readable for
// its owner alone, and returns when it is on the disk: ErrKeyFileExists. Whoever is
// cut off in the middle leaves no file at path.
func CreateKeyFile(path string) error {
	key := randomKey()
	defer key.Zero()
	return rootKeyText.create(path, key)
}

// GenerateRoot makes a random root key, which is nowhere but in memory.
func GenerateRoot() *Root { return &Root{randomKey()} }

// WriteKeyFile is CreateKeyFile for a root key that is there already.
func (r *Root) WriteKeyFile(path string) error {
	defer runtime.KeepAlive(r)
	return rootKeyText.create(path, r.key)
}
