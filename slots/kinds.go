package slots

import (
	"sync"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Kind names a kind of operation.
type Kind int

// The kinds of operation; each session has room for one of each.
const (
	NoOperation Kind = iota
	FindOperation
	EncryptOperation
	DecryptOperation
	DigestOperation
	SignOperation
	SignRecoverOperation
	VerifyOperation
	VerifyRecoverOperation
	VerifySignatureOperation
	MessageEncryptOperation
	MessageDecryptOperation
	MessageSignOperation
	MessageVerifyOperation
	GenerateKeyOperation     // in the background only
	GenerateKeyPairOperation // in the background only
)

// kinds says of each kind its flag in C_SessionCancel and its place in a session.
var kinds = [...]struct {
	kind Kind
	flag ck.Flags
	of   func(*session) activity
}{
	{FindOperation, ck.CKF_FIND_OBJECTS, func(s *session) activity { return &s.find }},
	{EncryptOperation, ck.CKF_ENCRYPT, func(s *session) activity { return &s.encrypt }},
	{DecryptOperation, ck.CKF_DECRYPT, func(s *session) activity { return &s.decrypt }},
	{DigestOperation, ck.CKF_DIGEST, func(s *session) activity { return &s.digest }},
	{SignOperation, ck.CKF_SIGN, func(s *session) activity { return &s.sign }},
	{SignRecoverOperation, ck.CKF_SIGN_RECOVER, func(s *session) activity { return &s.signRecover }},
	{VerifyOperation, ck.CKF_VERIFY, func(s *session) activity { return &s.verify }},
	{VerifyRecoverOperation, ck.CKF_VERIFY_RECOVER, func(s *session) activity { return &s.verifyRecover }},
	{VerifySignatureOperation, ck.CKF_VERIFY, func(s *session) activity { return &s.verifySignature }},
	{MessageEncryptOperation, ck.CKF_MESSAGE_ENCRYPT, func(s *session) activity { return &s.messageEncrypt }},
	{MessageDecryptOperation, ck.CKF_MESSAGE_DECRYPT, func(s *session) activity { return &s.messageDecrypt }},
	{MessageSignOperation, ck.CKF_MESSAGE_SIGN, func(s *session) activity { return &s.messageSign }},
	{MessageVerifyOperation, ck.CKF_MESSAGE_VERIFY, func(s *session) activity { return &s.messageVerify }},
	{GenerateKeyOperation, ck.CKF_GENERATE, func(s *session) activity { return &s.generateKey }},
	{GenerateKeyPairOperation, ck.CKF_GENERATE_KEY_PAIR, func(s *session) activity { return &s.generateKeyPair }},
}

// operations are the places that a session has for operations, one of each kind.
type operations struct {
	find          operation[*search]
	searching     search // what find has
	encrypt       operation[api.Cipher]
	decrypt       operation[api.Cipher]
	digest        operation[api.Digester]
	sign          operation[api.Signer]
	signRecover   operation[api.Cipher]
	verify        operation[api.Verifier]
	verifyRecover operation[api.Cipher]

	verifySignature operation[*knownSignature]

	messageEncrypt operation[api.MessageCipher]
	messageDecrypt operation[api.MessageCipher]
	messageSign    operation[*renewing[api.Signer]]
	messageVerify  operation[*renewing[api.Verifier]]

	generateKey     operation[*generation]
	generateKeyPair operation[*generation]

	deferred deferred
}

// idleOperations are those of sessions that have been closed: all their places are
// empty. They are most of what a session takes, and many are closed without a call.
var idleOperations = sync.Pool{New: func() any { return new(operations) }}

// endAll ends every operation. The session is locked.
func (s *session) endAll() {
	if s.operations == nil {
		return
	}
	for _, k := range kinds {
		k.of(s).end()
	}
}

// endPrivate ends those that use what the public cannot see. The session is locked.
func (s *session) endPrivate() {
	if s.operations == nil {
		return
	}
	for _, k := range kinds {
		k.of(s).endPrivate(s.token.partition)
	}
}

// giveUp is endAll for a session that nobody will enter again.
func (s *session) giveUp() {
	s.endAll()
	if s.operations != nil {
		idleOperations.Put(s.operations)
		s.operations = nil
	}
}
