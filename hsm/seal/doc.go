// Package seal is the hierarchy of keys at rest: from the root key, which an
// Unsealer gives, to the keys that seal single records. FORMAT.md beside it has
// every byte.
//
//	root key                  Unsealer, Root
//	  └ partition root        PartitionRoot: pepper and the keys that need no PIN
//	      └ partition key     Key: wrapped under PINs, or for public objects under
//	          │               the partition root
//	          └ record key    one per record and generation, never stored
//
// Keys that live on are held in secret.Bytes and wiped by Zero. The working
// state of the standard library's HMAC and AES is on the Go heap and cannot be
// wiped from here; it lasts no longer than one call.
package seal

import "errors"

// Errors of opening what was sealed. There is one for all ways in which a sealed
// thing can fail to open (another key, another place, any changed bit), so that
// the answer tells nothing.
var (
	// ErrSealBroken says that a sealed value was changed, moved, or sealed under
	// another key.
	ErrSealBroken = errors.New("seal: broken: the data was changed, moved or sealed under another key")
	// ErrWrongPIN says that a PIN does not open the key. A damaged blob says the
	// same.
	ErrWrongPIN = errors.New("seal: wrong PIN")
	// ErrKeyLength says that a root key is not of KeySize bytes.
	ErrKeyLength = errors.New("seal: a root key has 32 bytes")
	// ErrKDF says that parameters for a PIN are outside what this version takes.
	ErrKDF = errors.New("seal: parameters of the PIN's key derivation are out of bounds")
	// ErrWiped says that a key was used after Zero.
	ErrWiped = errors.New("seal: the key has been wiped")
)

// KeySize is the size in bytes of all keys of this package.
const KeySize = 32
