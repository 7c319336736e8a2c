package api

import "github.com/coffer-hsm/coffer/hsm/ck"

// MessageCipher is a message-based encryption or decryption: any number of
// messages under one key and mechanism, one after the other. The package text has
// the contract of dst; what ends is the message, not the MessageCipher.
//
// The nonce and the tag go through the parameter of the message, which belongs to
// the caller and is not kept. A nonce is made, and nonce and tag are written, only
// by a call that succeeds and is no question for the length. Answers beside those
// of Cipher: CKR_MECHANISM_PARAM_INVALID, also where no further nonce can be made,
// and CKR_AEAD_DECRYPT_FAILED.
type MessageCipher interface {
	Operation
	// Message does a whole message.
	Message(p *ck.MessageParams, aad, dst, src []byte) (int, error)
	// Begin starts a message in parts; one that was under way is forgotten. The
	// nonce of an encryption is written now.
	Begin(p *ck.MessageParams, aad []byte) error
	// Next does the next part; end says that it is the last one. The tag is written
	// or looked at with the last one, and plaintext given out then only. Without
	// Begin before it, it is CKR_OPERATION_NOT_INITIALIZED.
	Next(p *ck.MessageParams, dst, src []byte, end bool) (int, error)
}

// Messages starts the message-based ciphers. The checks and answers are those of
// Encrypt and Decrypt in Operations. The mechanism's parameter is nil or that of
// a message. Message-based signatures need no method of their own: they are a
// Sign or Verify for each message.
type Messages interface {
	MessageEncrypt(who Caller, m *ck.Mechanism, key ObjectID) (MessageCipher, error)
	MessageDecrypt(who Caller, m *ck.Mechanism, key ObjectID) (MessageCipher, error)
}
