package seal

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Stretching is how the key of a copy is made of a passphrase: Argon2id, or
// PBKDF2-HMAC-SHA-512 (SP 800-132) if Rounds is not 0.
type Stretching struct {
	Argon2id KDF
	Rounds   uint32
}

// Bounds of PBKDF2's rounds. The lower one is that of the OWASP Password Storage Cheat
// Sheet for SHA-512.
const (
	MinRounds = 210_000
	maxRounds = 100_000_000
)

// DefaultStretching costs about half a second of one current core and 256 MiB for
// each guess: a person waits for it once a day, not once a login.
func DefaultStretching() Stretching {
	return Stretching{Argon2id: KDF{Time: 3, Memory: 256 << 10, Threads: 1}}
}

// ApprovedStretching is for approved mode, which knows no Argon2id: about as long.
func ApprovedStretching() Stretching { return Stretching{Rounds: 600_000} }

// MinPassphrase is the least length of a passphrase in bytes (SP 800-63B, section
// 5.1.1.2).
const MinPassphrase = 8

// ErrShortPassphrase says that a passphrase has fewer than MinPassphrase bytes.
var ErrShortPassphrase = errors.New("seal: a passphrase has at least 8 bytes")

const (
	paramKDF  = "kdf"
	paramSalt = "salt"
	saltSize  = 32
)

func (d Stretching) ok() bool {
	if d.Rounds != 0 {
		return d.Rounds >= MinRounds && d.Rounds <= maxRounds
	}
	return d.Argon2id.Rounds == 0 && d.Argon2id.ok()
}

// The forms of the parameter kdf.
const (
	argon2Form = "argon2id %d %d %d" // passes, KiB, lanes
	pbkdf2Form = "pbkdf2-sha512 %d"  // rounds
)

func (d Stretching) String() string {
	if d.Rounds != 0 {
		return fmt.Sprintf(pbkdf2Form, d.Rounds)
	}
	return fmt.Sprintf(argon2Form, d.Argon2id.Time, d.Argon2id.Memory, d.Argon2id.Threads)
}

// parseStretching reads what String writes: ErrKDF.
func parseStretching(s string) (d Stretching, err error) {
	if _, err := fmt.Sscanf(s, pbkdf2Form, &d.Rounds); err != nil {
		fmt.Sscanf(s, argon2Form, &d.Argon2id.Time, &d.Argon2id.Memory, &d.Argon2id.Threads)
	}
	if !d.ok() || d.String() != s {
		return Stretching{}, ErrKDF
	}
	return d, nil
}

// NewPassphrase makes a Sealer of a passphrase, which it does not keep:
// ErrShortPassphrase, ErrKDF.
func NewPassphrase(passphrase *secret.Bytes, d Stretching) (*Sealer, error) {
	if passphrase.Len() < MinPassphrase {
		return nil, ErrShortPassphrase
	}
	if !d.ok() {
		return nil, ErrKDF
	}
	salt := make([]byte, saltSize)
	rand.Read(salt)
	key, err := d.stretch(passphrase, salt)
	if err != nil {
		return nil, err
	}
	return &Sealer{KindPassphrase, map[string]string{paramKDF: d.String(), paramSalt: hex.EncodeToString(salt)}, key}, nil
}

// PassphraseKey makes the key of a copy of KindPassphrase of a passphrase. Whether it
// is the right one shows when the copy is opened.
func PassphraseKey(s *Slot, passphrase *secret.Bytes) (*secret.Bytes, error) {
	d, err := parseStretching(s.Params[paramKDF])
	if err != nil {
		return nil, err
	}
	salt, err := hex.DecodeString(s.Params[paramSalt])
	if err != nil || len(salt) != saltSize {
		return nil, ErrSlotDamaged
	}
	return d.stretch(passphrase, salt)
}

// Key makes 32 bytes of a passphrase and a salt: ErrKDF, ErrShortPassphrase of an empty one.
func (d Stretching) Key(passphrase *secret.Bytes, salt []byte) (*secret.Bytes, error) {
	if !d.ok() {
		return nil, ErrKDF
	}
	return d.stretch(passphrase, salt)
}

func (d Stretching) stretch(passphrase *secret.Bytes, salt []byte) (*secret.Bytes, error) {
	defer runtime.KeepAlive(passphrase)
	if passphrase.Len() == 0 {
		return nil, ErrShortPassphrase
	}
	key := secret.New(KeySize)
	if d.Rounds == 0 {
		d.Argon2id.stretchArgon2id(key.Expose(), passphrase.Expose(), salt)
		return key, nil
	}
	if err := stretchPBKDF2(key.Expose(), passphrase.Expose(), salt, d.Rounds); err != nil {
		key.Zero()
		return nil, err
	}
	return key, nil
}
