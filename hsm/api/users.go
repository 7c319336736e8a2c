package api

import (
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Users are the users of a partition beside the SO and the one without a name: each
// has a name and a PIN of their own, and all see the same private objects.
//
// A name is 1 to 255 bytes of UTF-8 without control characters, compared byte by
// byte. The empty name is the user without one. What only the SO may do is
// CKR_USER_NOT_LOGGED_IN for anybody else, and CKR_ARGUMENTS_BAD where a user is
// missing, or there already.
type Users interface {
	// LoginUser is Login of the user with a name. A name that nobody has, and any
	// name of an SO, is answered as a wrong PIN is, in the same time; wrong tries are
	// counted under it too.
	LoginUser(user ck.UserType, name string, pin []byte) (Identity, error)
	// SetUserPIN is SetPIN for CKU_USER with a name.
	SetUserPIN(name string, old, new []byte) error

	// CreateUser makes a user with a name: CKR_PIN_LEN_RANGE, CKR_DEVICE_MEMORY if
	// there are too many. who is the SO, here and below.
	CreateUser(who Caller, name string, pin []byte) error
	// DeleteUser removes one. Their logins end, in every process, before the next call
	// that they make.
	DeleteUser(who Caller, name string) error
	// InitUserPIN gives a user a new PIN, which unlocks it: InitPIN with a name.
	InitUserPIN(who Caller, name string, pin []byte) error
	// UnlockUser forgives a user's wrong tries and leaves the PIN as it is.
	UnlockUser(who Caller, name string) error
	// Users lists the users with a name, by name.
	Users(who Caller) ([]UserInfo, error)
}

// UserInfo describes a user with a name.
type UserInfo struct {
	Name     string
	Failures int           // wrong tries since the last right one
	Locked   bool          // for good, until the SO unlocks it
	Held     time.Duration // how long the PIN is refused from now on, because of wrong tries
	Busy     bool          // whether a login waits for others (PartitionInfo)
}

// PINPolicy is what a partition asks of all PINs in it.
type PINPolicy struct {
	MinLength, MaxLength int // bytes, of PINs set from now on
	Tries                int // wrong ones in a row until a PIN is locked
	// After DelayAfter wrong ones in a row the next is refused for Delay, after each
	// further one for twice as long, but never longer than 15 minutes. A Delay of 0 is
	// none. A PIN that is refused is not looked at and not counted.
	DelayAfter int
	Delay      time.Duration // whole seconds
}
