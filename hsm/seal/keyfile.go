package seal

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

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
	ErrKeyFileNewer      = errors.New("key file of a newer version of this program")
)

// A key file is three lines of text (FORMAT.md, "Key file").
const (
	keyFileMagic = "coffer root key, version "
	keyFileHead  = keyFileMagic + "1\n"
	checkSize    = 16 // bytes of SHA-256
	keyDigits    = 2 * KeySize
	keyFileSize  = len(keyFileHead) + len("key ") + keyDigits + 1 + len("check ") + 2*checkSize + 1
)

type keyFile string

// KeyFile unseals with the root key in the file at path, which CreateKeyFile
// wrote.
func KeyFile(path string) Unsealer { return keyFile(path) }

func (f keyFile) Name() string { return "key file " + string(f) }

func (f keyFile) Unseal() (*secret.Bytes, error) {
	text, err := readPrivate(string(f))
	if err != nil {
		return nil, err
	}
	defer text.Zero()
	key, err := parseKeyFile(text.Expose())
	if err != nil {
		return nil, keyFileError(string(f), err)
	}
	return key, nil
}

// hints say what to do about each error.
var hints = map[error]string{
	ErrKeyFileMissing:    "create one, or set the path to the one that the store was made with",
	ErrKeyFileExists:     "it was left as it is",
	ErrKeyFilePermission: "only its owner may be able to read it: chmod 600",
	ErrKeyFileForeign:    "set the path to the right one",
	ErrKeyFileDamaged:    "restore it from a backup",
	ErrKeyFileNewer:      "upgrade this program",
}

func keyFileError(path string, err error) error {
	return fmt.Errorf("seal: %s: %w; %s", path, err, hints[err])
}

// readPrivate reads a file that nobody but its owner, who we are, can read. It
// reads one byte more than a key file has, if they are there.
func readPrivate(path string) (*secret.Bytes, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, keyFileError(path, ErrKeyFileMissing)
	case errors.Is(err, fs.ErrPermission):
		return nil, keyFileError(path, ErrKeyFilePermission)
	case err != nil:
		return nil, fmt.Errorf("seal: %w", err)
	}
	defer f.Close()
	if err := checkPrivate(f); err != nil {
		return nil, err
	}
	text := secret.New(keyFileSize + 1)
	n, err := io.ReadFull(f, text.Expose())
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		text.Zero()
		return nil, fmt.Errorf("seal: %w", err)
	}
	defer text.Zero()
	return secret.From(text.Expose()[:n]), nil
}

func checkPrivate(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	if !info.Mode().IsRegular() {
		return keyFileError(f.Name(), ErrKeyFileForeign)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return keyFileError(f.Name(), ErrKeyFilePermission)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("seal: %s: %w: it belongs to user %d, and this process to user %d; run as its owner or chown it",
			f.Name(), ErrKeyFilePermission, st.Uid, os.Geteuid())
	}
	return nil
}

// parseKeyFile reads the text of a key file, exactly as formatKeyFile writes it.
func parseKeyFile(text []byte) (*secret.Bytes, error) {
	if !bytes.HasPrefix(text, []byte(keyFileHead)) {
		if isNewer(text) {
			return nil, ErrKeyFileNewer
		}
		return nil, ErrKeyFileForeign
	}
	if len(text) != keyFileSize {
		return nil, ErrKeyFileDamaged
	}
	digits := text[len(keyFileHead)+len("key "):][:keyDigits]
	key := secret.New(KeySize)
	if _, err := hex.Decode(key.Expose(), digits); err != nil {
		key.Zero()
		return nil, ErrKeyFileDamaged
	}
	want := formatKeyFile(key)
	defer want.Zero()
	if subtle.ConstantTimeCompare(want.Expose(), text) != 1 {
		key.Zero()
		return nil, ErrKeyFileDamaged
	}
	return key, nil
}

// isNewer reports whether a first line is that of a key file, of a version that
// is not 1.
func isNewer(text []byte) bool {
	rest, ok := bytes.CutPrefix(text, []byte(keyFileMagic))
	number, _, line := bytes.Cut(rest, []byte("\n"))
	if !ok || !line || len(number) == 0 || len(number) > 5 || number[0] == '0' {
		return false
	}
	return len(bytes.Trim(number, "0123456789")) == 0
}

// formatKeyFile writes a key as the text of its file.
func formatKeyFile(key *secret.Bytes) *secret.Bytes {
	s := secret.New(keyFileSize)
	b := append(s.Expose()[:0], keyFileHead...)
	b = append(b, "key "...)
	b = hex.AppendEncode(b, key.Expose())
	b = append(b, '\n')
	sum := sha256.Sum256(b)
	b = append(b, "check "...)
	b = hex.AppendEncode(b, sum[:checkSize])
	copy(s.Expose()[len(b):], "\n")
	return s
}

// CreateKeyFile writes a new random root key to a new file at path, readable for
// its owner alone, and returns when it is on the disk: ErrKeyFileExists. Whoever is
// cut off in the middle leaves no file at path.
func CreateKeyFile(path string) error {
	key := secret.New(KeySize)
	defer key.Zero()
	if _, err := rand.Read(key.Expose()); err != nil {
		return err
	}
	text := formatKeyFile(key)
	defer text.Zero()
	if _, err := os.Lstat(path); err == nil {
		return keyFileError(path, ErrKeyFileExists)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 600; package hsm sweeps up such names
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text.Expose())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return publish(f.Name(), path)
}

// publish gives a whole file its name, unless there is one of that name, durably. A
// link does that at once, where a rename would take the place of another key.
func publish(whole, path string) error {
	err := os.Link(whole, path)
	if errors.Is(err, fs.ErrExist) {
		return keyFileError(path, ErrKeyFileExists)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
