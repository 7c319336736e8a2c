// Package approved is the envelope of backups of version 2: a stream that is sealed with
// approved algorithms only, for a passphrase, for custodians, or for recipients with a key
// on P-256. FORMAT.md of package backup has every byte ("The approved envelope").
//
// It does what age does for version 1, with what the Go Cryptographic Module has:
// AES-256-GCM with nonces of the module's making, HKDF and HMAC with SHA-256,
// PBKDF2-HMAC-SHA-512, ECDH on P-256.
package approved

import "errors"

var (
	// ErrKey says that none of the keys that were given opens it: a wrong passphrase and
	// another's identity look like any other, and like damage to where the key is.
	ErrKey = errors.New("no key that was given opens it")
	// ErrDamaged says that it was cut off or changed.
	ErrDamaged = errors.New("cut off or changed")
	// ErrNobody says that it is for nobody, or for more than 255.
	ErrNobody = errors.New("sealed for 1 to 255 keys")
	// ErrPassphrases says that there is a second passphrase.
	ErrPassphrases = errors.New("one passphrase is all that a backup can have")
)

// prefix begins every label, so that a key of this format is none of another.
const prefix = "coffer/backup/2 "

const keySize = 32 // of all keys, in bytes
