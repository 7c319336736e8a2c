package audit

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/coffer-hsm/coffer/hsm/store"
)

// Key signs checkpoints. Sign may fail where the key has been wiped.
type Key interface {
	Public() (ed25519.PublicKey, error)
	Sign(message []byte) ([]byte, error)
}

// Checkpoint is the state of a log that somebody signed.
type Checkpoint struct {
	Name       string // of the log
	Size       int64  // records
	Root       tlog.Hash
	Generation uint64 // greatest of the store's that the log tells of
	Note       string // the signed note that says so, empty before it is signed
}

const generationPrefix = "generation "

// text is the body of the note (FORMAT.md, "A checkpoint").
func (c Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\n%s%d\n", c.Name, c.Size, c.Root, generationPrefix, c.Generation)
}

// parseText reads the body of a note. Lines that a later version may add are skipped.
func parseText(text string) (c Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 5 || lines[0] == "" {
		return c, errors.New("not a checkpoint of an audit log")
	}
	c.Name = lines[0]
	if c.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.Size < 0 {
		return c, errors.New("a checkpoint without a size")
	}
	if c.Root, err = tlog.ParseHash(lines[2]); err != nil {
		return c, errors.New("a checkpoint without a hash")
	}
	number, ok := strings.CutPrefix(lines[3], generationPrefix)
	if c.Generation, err = strconv.ParseUint(number, 10, 64); err != nil || !ok {
		return c, errors.New("a checkpoint without a generation")
	}
	return c, nil
}

// VerifierKey is the public key of a log as golang.org/x/mod/sumdb/note writes it:
// what others need to check checkpoints with.
func VerifierKey(name string, public ed25519.PublicKey) (string, error) {
	return note.NewEd25519VerifierKey(name, public)
}

// signer is a Key as package note wants it.
type signer struct {
	note.Verifier
	key Key
}

func (s signer) Sign(message []byte) ([]byte, error) { return s.key.Sign(message) }

func newSigner(name string, key Key) (signer, error) {
	public, err := key.Public()
	if err != nil {
		return signer{}, err
	}
	vkey, err := VerifierKey(name, public)
	if err != nil {
		return signer{}, err
	}
	v, err := note.NewVerifier(vkey)
	return signer{v, key}, err
}

func (c *Checkpoint) sign(s note.Signer) error {
	b, err := note.Sign(&note.Note{Text: c.text()}, s)
	c.Note = string(b)
	return err
}

// OpenCheckpoint reads a signed note and checks it with the log's verifier.
func OpenCheckpoint(signed string, v note.Verifier) (Checkpoint, error) {
	n, err := note.Open([]byte(signed), note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	c, err := parseText(n.Text)
	switch {
	case err != nil:
	case c.Name != v.Name():
		err = fmt.Errorf("a checkpoint of another log, %q", c.Name)
	case !canonical(n.Sigs):
		err = errors.New("a signature that is not written as it is made")
	}
	c.Note = signed
	return c, err
}

// canonical reports whether signatures are in the one form of base64 that has no
// spare bits set. They would prove nothing less; but no byte of a log may change.
func canonical(all []note.Signature) bool {
	for _, s := range all {
		b, err := base64.StdEncoding.Strict().DecodeString(s.Base64)
		if err != nil || base64.StdEncoding.EncodeToString(b) != s.Base64 {
			return false
		}
	}
	return true
}

const checkpointPrefix = `{"v":1,"checkpoint":`

type checkpointLine struct {
	Version    int    `json:"v"`
	Checkpoint string `json:"checkpoint"`
}

func isCheckpoint(b []byte) bool { return bytes.HasPrefix(b, []byte(checkpointPrefix)) }

// parseCheckpoint reads a line, without its newline.
func parseCheckpoint(b []byte, v note.Verifier) (Checkpoint, error) {
	var l checkpointLine
	if err := json.Unmarshal(b, &l); err != nil || l.Version != formatVersion {
		return Checkpoint{}, errors.New("not a checkpoint line")
	}
	if text, err := line(l); err != nil || string(text[:len(text)-1]) != string(b) {
		return Checkpoint{}, errors.New("a checkpoint line that is not written as it is made")
	}
	return OpenCheckpoint(l.Checkpoint, v)
}

// NameIn is the name that the last checkpoint of the log in dir has, which nobody has
// checked; empty if there is none. fs.ErrNotExist, ErrDamaged.
func NameIn(dir string) (string, error) {
	f, err := store.OpenInPlace(filepath.Join(dir, logName), os.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	b, _, err := lastCheckpoint(f, info.Size())
	if err != nil || b == nil {
		return "", err
	}
	var l checkpointLine
	if err := json.Unmarshal(b, &l); err != nil {
		return "", fmt.Errorf("%w: the last checkpoint: %v", ErrDamaged, err)
	}
	name, _, _ := strings.Cut(l.Checkpoint, "\n")
	return name, nil
}

func hexID(id [16]byte) string { return hex.EncodeToString(id[:]) }
