package ck

// MessageKind says which structure a MessageParams is.
type MessageKind int

// The kinds of message parameters.
const (
	GCMMessage              MessageKind = iota + 1 // CK_GCM_MESSAGE_PARAMS
	CCMMessage                                     // CK_CCM_MESSAGE_PARAMS
	ChaCha20Poly1305Message                        // CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS
)

// MessageParams is the parameter of one message of an authenticated cipher
// (sections 6.13.9 and 6.61.4): the three structures in one. Nonce and Tag are
// memory of the caller, read and written in the call itself and not kept.
type MessageParams struct {
	Kind MessageKind
	// Nonce is read, and of an encryption also written unless Generator is
	// CKG_NO_GENERATE: all but its first FixedBits bits are made.
	Nonce                []byte
	FixedBits, Generator uint64
	// Tag is where the tag is or goes when the message ends, of TagSize bytes; nil
	// where the caller does not give it yet.
	Tag     []byte
	TagSize int
	DataLen uint64 // of CCM: bytes of plaintext
}
