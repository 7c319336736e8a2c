// Package share gives a random key to several custodians, so many of whom together
// get it back: each has a share that can be printed, typed in, and told from a wrong,
// damaged or forged one (FORMAT.md). What the key opens is the caller's business: a
// sealed copy of a root key, or a backup.
//
// It is for tools. The PKCS #11 library asks nobody, and does without.
package share

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"runtime"

	"github.com/coffer-hsm/coffer/hsm/crypto/shamir"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// KeySize is the length of the key, and of the value of each share, in bytes.
const KeySize = 32

// CheckSize is the length of Share.Check in bytes.
const CheckSize = 16

// Bounds of how many shares are needed, and how many there are.
const (
	MinNeeded = 2
	MaxTotal  = shamir.MaxShares
)

// ErrCount is for numbers of shares that cannot be.
var ErrCount = errors.New("2 or more shares are needed, of as many or more, at most 255")

// prefix begins all that is hashed.
const prefix = "coffer/share/1 "

// Use says what a key opens.
type Use byte

// What a key may open.
const (
	RootKey Use = 1
	Backup  Use = 2
)

// uses names them.
var uses = map[Use]string{RootKey: "root key", Backup: "backup"}

func (u Use) String() string { return uses[u] }

// Set is what the shares of one key have in common.
type Set struct {
	Use           Use
	Of            [8]byte // which root key, by its fingerprint, or which backup
	ID            [8]byte // derived from the key
	Needed, Total int
}

// String tells what the set opens and how.
func (s Set) String() string {
	return fmt.Sprintf("set %x: any %d of %d shares open the %s %x", s.ID, s.Needed, s.Total, s.Use, s.Of)
}

// ok holds a set to what can be written.
func (s Set) ok() bool {
	return uses[s.Use] != "" && s.Needed >= MinNeeded && s.Total >= s.Needed && s.Total <= MaxTotal
}

// Share is one custodian's part of a key. Who has it wipes it.
type Share struct {
	Set
	Number int // 1 to Total
	value  *secret.Bytes
}

// Zero wipes the share.
func (s *Share) Zero() { s.value.Zero() }

// Check tells the share from a forgery, to who has kept it, and nothing of its value.
func (s *Share) Check() (check [CheckSize]byte) {
	defer runtime.KeepAlive(s)
	copy(check[:], hash(s.value.Expose(), "check", s.head()))
	return check
}

// is reports whether the share is the one of which check was kept.
func (s *Share) is(check [CheckSize]byte) bool {
	have := s.Check()
	return subtle.ConstantTimeCompare(have[:], check[:]) == 1
}

func hash(key []byte, label string, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(prefix + label))
	h.Write(data)
	return h.Sum(nil)
}

// identify is the ID of the set of a key.
func identify(key *secret.Bytes) (id [8]byte) {
	defer runtime.KeepAlive(key)
	copy(id[:], hash(key.Expose(), "set", nil))
	return id
}

// Deal makes a random key and splits it into total shares, any needed of which give it
// back. of says which root key or backup it opens. The caller wipes all of it: ErrCount.
func Deal(use Use, of [8]byte, needed, total int) (*secret.Bytes, []*Share, error) {
	set := Set{Use: use, Of: of, Needed: needed, Total: total}
	if !set.ok() {
		return nil, nil, ErrCount
	}
	key := secret.New(KeySize)
	rand.Read(key.Expose()) // never fails
	set.ID = identify(key)
	shares := make([]*Share, total)
	values := make([][]byte, total)
	for i := range shares {
		shares[i] = &Share{Set: set, Number: i + 1, value: secret.New(KeySize)}
		values[i] = shares[i].value.Expose()
	}
	err := shamir.Split(key.Expose(), needed, values)
	runtime.KeepAlive(shares)
	if err != nil {
		key.Zero()
		return nil, nil, err
	}
	return key, shares, nil
}
