package seal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Method finds the keys of the copies of one kind without asking anybody.
type Method interface {
	// Key returns the key of s; the caller owns it. The error says where it was
	// looked for.
	Key(s *Slot) (*secret.Bytes, error)
}

// Methods are those that work without a person, by the kind of copy.
type Methods map[string]Method

// Find finds the key of s: ErrAttended where it takes somebody who unlocks it.
func (m Methods) Find(s *Slot) (*secret.Bytes, error) {
	method := m[s.Kind]
	if method == nil {
		return nil, ErrAttended
	}
	return method.Key(s)
}

// ErrAttended says that a copy takes somebody who unlocks it.
var ErrAttended = errors.New("somebody has to unlock it")

// Open opens s with the key that is found; the caller wipes what it gives.
func (m Methods) Open(s *Slot) (*Root, error) {
	key, err := m.Find(s)
	if err != nil {
		return nil, err
	}
	defer key.Zero()
	return s.Open(key)
}

// KeyFiles is the Method of KindKeyFile: the key is in a file that the copy names.
type KeyFiles struct {
	Home string // of the copies: the file is opened as who acts there; empty: the process
}

const paramPath = "path"

// Key reads the file.
func (k KeyFiles) Key(s *Slot) (*secret.Bytes, error) {
	return readSealKey(k.Home, s.Params[paramPath])
}

// NewKeyFile makes a Sealer with a random key in a new file at path, or with the key
// of the one that is there.
func NewKeyFile(path string) (*Sealer, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	key, err := readSealKey("", path)
	if errors.Is(err, ErrKeyFileMissing) {
		key = randomKey()
		err = sealKeyText.create(path, key)
	}
	if err != nil {
		key.Zero()
		return nil, err
	}
	return &Sealer{KindKeyFile, map[string]string{paramPath: path}, key}, nil
}

// CredentialName is what systemd is to call the credential.
const CredentialName = "coffer.root"

// Credentials is the Method of KindCredential: the key is a credential that systemd
// gives to a service, in the directory of CREDENTIALS_DIRECTORY (systemd.exec(5),
// "Credentials"). Empty is a process that has none.
type Credentials string

// Key reads the credential. Who may read it is systemd's business, which gives it to
// the user of the service by an access list where it can.
func (c Credentials) Key(s *Slot) (*secret.Bytes, error) {
	if c == "" {
		return nil, errors.New("no CREDENTIALS_DIRECTORY: not a service of systemd with LoadCredential=" + CredentialName)
	}
	path := filepath.Join(string(c), CredentialName)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	defer f.Close()
	text, err := readSome(f, sealKeyText.size()+1)
	if err != nil {
		return nil, err
	}
	defer text.Zero()
	key, err := sealKeyText.parse(text.Expose())
	if err != nil {
		return nil, keyFileError(path, err)
	}
	return key, nil
}

// NewCredential makes a Sealer with a random key in a new file at path, for systemd
// to be given: ErrKeyFileExists.
func NewCredential(path string) (*Sealer, error) {
	key := randomKey()
	if err := sealKeyText.create(path, key); err != nil {
		key.Zero()
		return nil, err
	}
	return &Sealer{KindCredential, nil, key}, nil
}
