package api

import "github.com/coffer-hsm/coffer/hsm/ck"

// Operation is what all operations have in common.
type Operation interface {
	// Close forgets the operation and wipes what it holds. It is called once,
	// when the operation has ended in any way, and nothing after it.
	Close()
}

// Cipher is an encryption or a decryption under way, or a one-shot
// transformation (sign-recover). The package text has the contract of dst.
//
// A mechanism that cannot work in parts (RSA, AES key wrap) refuses Update and Final with
// CKR_OPERATION_NOT_INITIALIZED.
type Cipher interface {
	Operation
	// OneShot does the whole of src. It is not mixed with Update and Final.
	OneShot(dst, src []byte) (int, error)
	// Update does the next part and returns the output that is ready.
	Update(dst, src []byte) (int, error)
	// Final returns what is left.
	Final(dst []byte) (int, error)
}

// Signer is a signature or MAC under way.
type Signer interface {
	Operation
	OneShot(dst, data []byte) (int, error)
	Update(data []byte) error
	Final(dst []byte) (int, error)
}

// Verifier is a verification under way. OneShot and Final answer nil,
// CKR_SIGNATURE_INVALID or CKR_SIGNATURE_LEN_RANGE (or CKR_DATA_LEN_RANGE).
type Verifier interface {
	Operation
	OneShot(data, signature []byte) error
	Update(data []byte) error
	Final(signature []byte) error
}

// Digester is a digest under way.
type Digester interface {
	Operation
	OneShot(dst, data []byte) (int, error)
	Update(data []byte) error
	Final(dst []byte) (int, error)
}

// ContextLogin is satisfied by operations of keys with CKA_ALWAYS_AUTHENTICATE.
type ContextLogin interface {
	// Authenticate lets the operation be used once; the codes are Login's.
	Authenticate(pin []byte) error
}

// Started is an operation under way, with what it was started with, for
// SaveOperations. Init says with which method: CKF_ENCRYPT, CKF_DECRYPT,
// CKF_DIGEST, CKF_SIGN or CKF_VERIFY. Key is zero for a digest. Parts, whether it has
// processed a part, is the caller's to set.
type Started struct {
	Init      ck.Flags
	Mechanism *ck.Mechanism
	Key       ObjectID
	Parts     bool
	Operation Operation
}
