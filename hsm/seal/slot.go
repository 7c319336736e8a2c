package seal

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Errors of sealed copies of a root key. What is returned wraps one of them.
var (
	ErrSlotMissing = errors.New("no such sealed copy of the root key")
	ErrSlotExists  = errors.New("there is a sealed copy of the root key of this name already")
	ErrSlotForeign = errors.New("not a sealed root key of this program")
	ErrSlotDamaged = errors.New("the sealed root key is damaged: restore it from a backup, or remove it and add another")
	ErrSlotNewer   = errors.New("a sealed root key of a newer version of this program: upgrade it")
	ErrSlotMoved   = errors.New("the sealed root key is that of another home or another name: put it back where it was")
	ErrSlotName    = errors.New("a name has 1 to 32 of a-z, 0-9 and -")
	// ErrSlotKey says that a passphrase or another key does not open the copy.
	ErrSlotKey = errors.New("does not open the root key: it is another one")
)

// Kinds of what a copy can be sealed under.
const (
	KindKeyFile    = "key-file"
	KindCredential = "credential"
	KindPassphrase = "passphrase"
	KindShares     = "shares" // package share
	KindTPM        = "tpm"    // package tpm
)

// Slot is one copy of a root key, sealed under a key of its own: as LUKS has them, a
// home may have several, and each opens it (FORMAT.md, "Sealed root key").
type Slot struct {
	Name   string
	Kind   string            // where its key comes from: one of the Kind constants
	Root   string            // fingerprint of the root key
	Params map[string]string // what it takes to find the key again; nothing secret
	sealed []byte
}

// Sealer is a key that a root key can be sealed under, and how to find it again.
type Sealer struct {
	Kind   string
	Params map[string]string
	Key    *secret.Bytes // KeySize bytes, each as good as random
}

// Zero wipes the key.
func (s *Sealer) Zero() { s.Key.Zero() }

const (
	slotMagic  = "coffer sealed root key, version "
	slotHead   = slotMagic + "1\n"
	maxSlot    = 16 << 10 // bytes of a file
	maxParams  = 16
	sealedSize = overhead + KeySize
)

// NewSlot seals root under s. The error is ErrSlotName, or that of a wiped key.
func NewSlot(name string, root *Root, s *Sealer) (*Slot, error) {
	print, err := root.Fingerprint()
	if err != nil {
		return nil, err
	}
	slot := &Slot{Name: name, Kind: s.Kind, Root: print, Params: maps.Clone(s.Params)}
	if !slot.ok() {
		return nil, ErrSlotName
	}
	key, err := expand(s.Key, "slot")
	if err != nil {
		return nil, err
	}
	defer key.Zero()
	defer runtime.KeepAlive(root)
	slot.sealed, err = sealTo(nil, key, root.key.Expose(), slot.associated())
	return slot, err
}

// Open opens the copy with its key, which it does not keep: ErrSlotKey.
func (s *Slot) Open(key *secret.Bytes) (*Root, error) {
	under, err := expand(key, "slot")
	if err != nil {
		return nil, err
	}
	defer under.Zero()
	k, err := openSecret(under, s.sealed, s.associated())
	if err != nil {
		return nil, ErrSlotKey
	}
	root, err := NewRoot(k)
	if err != nil {
		k.Zero()
		return nil, err
	}
	return root, root.is(s.Root)
}

// is holds a root key to a fingerprint, and wipes another one: ErrSlotMoved.
func (r *Root) is(want string) error {
	got, err := r.Fingerprint()
	if err == nil && got != want {
		err = ErrSlotMoved
	}
	if err != nil {
		r.Zero()
	}
	return err
}

// head is what stands in front of the sealed key.
func (s *Slot) head() []byte {
	b := fmt.Appendf(nil, "%sname %s\nkind %s\nroot %s\n", slotHead, s.Name, s.Kind, s.Root)
	for _, name := range slices.Sorted(maps.Keys(s.Params)) {
		b = fmt.Appendf(b, "with %s %s\n", name, s.Params[name])
	}
	return b
}

func (s *Slot) associated() []byte { return append([]byte(prefix+"slot "), s.head()...) }

// format writes the file.
func (s *Slot) format() []byte {
	b := fmt.Appendf(s.head(), "sealed %x\n", s.sealed)
	sum := sha256.Sum256(b)
	return fmt.Appendf(b, "check %x\n", sum[:checkSize])
}

// parseSlot reads a file, exactly as format writes it.
func parseSlot(text []byte) (*Slot, error) {
	if !bytes.HasPrefix(text, []byte(slotHead)) {
		if isNewer(text, slotMagic) {
			return nil, ErrSlotNewer
		}
		return nil, ErrSlotForeign
	}
	s := &Slot{Params: map[string]string{}}
	for line := range strings.Lines(string(text[len(slotHead):])) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch word {
		case "name":
			s.Name = rest
		case "kind":
			s.Kind = rest
		case "root":
			s.Root = rest
		case "with":
			name, value, _ := strings.Cut(rest, " ")
			s.Params[name] = value
		case "sealed":
			s.sealed, _ = hex.DecodeString(rest)
		}
	}
	if !s.ok() || len(s.sealed) != sealedSize || subtle.ConstantTimeCompare(s.format(), text) != 1 {
		return nil, ErrSlotDamaged
	}
	return s, nil
}

// ok holds a slot to what can be written.
func (s *Slot) ok() bool {
	for name, value := range s.Params {
		if !isName(name) || value == "" || strings.ContainsFunc(value, notPrintable) {
			return false
		}
	}
	return isName(s.Name) && isName(s.Kind) && isFingerprint(s.Root) && len(s.Params) <= maxParams && len(s.head()) < maxSlot-256
}

func notPrintable(r rune) bool { return r < ' ' || r == 0x7f }

// IsSlotName reports whether a copy can have this name.
func IsSlotName(s string) bool { return isName(s) }

func isName(s string) bool {
	return len(s) > 0 && len(s) <= 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func isFingerprint(s string) bool {
	return len(s) == 16 && strings.Trim(s, "0123456789abcdef") == ""
}
