package service

import (
	"encoding"
	"encoding/binary"
	"hash"

	"golang.org/x/crypto/cryptobyte"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/aes"
)

// A saved operation is its mechanism with the parameter, and how far it has come.
// To take it up again is to initialise it anew, with the checks that this means,
// and to put it where it was. So the key is not in the state; but what a MAC has
// computed so far is as good as a key, and plaintext may be in it too: the state
// is to be sealed.
//
//	operation                              what is saved
//	digest; RSA, ECDSA, Ed25519ph with a   state of the hash
//	  hash, sign and verify
//	HMAC, sign and verify                  state of the inner hash
//	AES-CMAC, sign and verify              chaining block, the block held back
//	RSA, ECDSA, Ed25519 without a hash     the data so far
//	AES-ECB, CBC, CBC-PAD, both ways       chaining block, what is held back
//	AES-XTS, both ways                     the place in the data unit, what is held back
//	AES-CTR, ChaCha20, decryption          the place in the key stream
//	GCM, CCM, ChaCha20-Poly1305,           the ciphertext so far; no plaintext
//	  decryption                             is there before the tag is checked
//
// All else is CKR_STATE_UNSAVEABLE. Encryption with a key stream (CTR, GCM, CCM,
// ChaCha20) is so on purpose: a state taken up twice would put two plaintexts
// under one stretch of it, which gives both away. Mechanisms that work in one
// call only have no state worth saving.

// saveable is an operation that can say how far it has come. restore is called on
// one that was made with the same mechanism and key and has processed nothing; it
// reports whether that went well.
type saveable interface {
	save() ([]byte, error)
	restore(state []byte) bool
}

// maxSaved limits a saved operation, in bytes: what is held of data can be long.
const maxSaved = 8 << 20

// SaveOperation returns the state of an operation of this package that was started
// with m. It is to be sealed, and wiped. CKR_STATE_UNSAVEABLE.
func SaveOperation(m *ck.Mechanism, op api.Operation) ([]byte, error) {
	s, ok := op.(saveable)
	if !ok {
		return nil, ck.CKR_STATE_UNSAVEABLE
	}
	state, err := s.save()
	if err != nil {
		return nil, err
	}
	defer clear(state)
	if len(state) > maxSaved {
		return nil, ck.Errorf(ck.CKR_STATE_UNSAVEABLE, "more than %d bytes are held", maxSaved)
	}
	var param cryptobyte.Builder
	param.AddUint64(uint64(m.Type))
	if !writeParam(&param, m.Param) {
		return nil, ck.CKR_STATE_UNSAVEABLE
	}
	head, err := param.Bytes()
	if err != nil || len(head) > maxSaved {
		return nil, ck.CKR_STATE_UNSAVEABLE
	}
	// One allocation of the right size, so that no copy of the state is left behind.
	return append(append(make([]byte, 0, len(head)+len(state)), head...), state...), nil
}

// SavedMechanism reads what SaveOperation has put first, the mechanism to start
// the operation with, and returns the rest for RestoreOperation. Both answer
// CKR_SAVED_STATE_INVALID to what they cannot read.
func SavedMechanism(saved []byte) (m *ck.Mechanism, state []byte, err error) {
	s := cryptobyte.String(saved)
	var name uint64
	if !s.ReadUint64(&name) {
		return nil, nil, ck.CKR_SAVED_STATE_INVALID
	}
	mechanism, ok := Lookup(ck.MechanismType(name))
	if !ok {
		return nil, nil, ck.CKR_SAVED_STATE_INVALID
	}
	param, ok := readParam(&s, mechanism.Param)
	if !ok {
		return nil, nil, ck.CKR_SAVED_STATE_INVALID
	}
	return &ck.Mechanism{Type: mechanism.Type, Param: param}, s, nil
}

// RestoreOperation puts op, which was just started, where the saved one was.
func RestoreOperation(op api.Operation, state []byte) error {
	if s, ok := op.(saveable); ok && s.restore(state) {
		return nil
	}
	return ck.CKR_SAVED_STATE_INVALID
}

// saveHash and restoreHash are the state of a hash function, or of a MAC that
// keeps its key out of it.
func saveHash(h hash.Hash) ([]byte, error) {
	m, ok := h.(encoding.BinaryMarshaler)
	if !ok {
		return nil, ck.CKR_STATE_UNSAVEABLE
	}
	state, err := m.MarshalBinary()
	if err != nil {
		return nil, ck.CKR_STATE_UNSAVEABLE
	}
	return state, nil
}

func restoreHash(h hash.Hash, state []byte) bool {
	m, ok := h.(encoding.BinaryUnmarshaler)
	return ok && m.UnmarshalBinary(state) == nil
}

func (s *summer) save() ([]byte, error) { return saveHash(s.inner) }
func (s *summer) restore(state []byte) bool {
	s.secret = true // a key may have been digested
	return restoreHash(s.inner, state)
}

func (v *sumVerifier) save() ([]byte, error)     { return (*summer)(v).save() }
func (v *sumVerifier) restore(state []byte) bool { return (*summer)(v).restore(state) }

func (in *wholeIntake) save() ([]byte, error) { return append([]byte(nil), in.data...), nil }
func (in *wholeIntake) restore(state []byte) bool {
	return in.Update(state) == nil
}

// A blockCipher's state is its chaining block, and what it holds back.
func (c *blockCipher) save() ([]byte, error) {
	return append(append(make([]byte, 0, 2*aesBlockSize), c.prev[:]...), c.part[:c.n]...), nil
}

func (c *blockCipher) restore(state []byte) bool {
	if len(state) < aesBlockSize || len(state) > 2*aesBlockSize {
		return false
	}
	c.n = copy(c.part[:], state[copy(c.prev[:], state):])
	c.start()
	return true
}

// An xtsCipher's state is the number of bytes that have come out, and what it holds back.
func (c *xtsCipher) save() ([]byte, error) {
	state := make([]byte, 0, 8+len(c.held))
	return append(binary.BigEndian.AppendUint64(state, uint64(c.done)), c.held[:c.n]...), nil
}

func (c *xtsCipher) restore(state []byte) bool {
	if len(state) < 8 || len(state) > 8+len(c.held) {
		return false
	}
	done := binary.BigEndian.Uint64(state)
	if done > aes.MaxUnit || done%aesBlockSize != 0 {
		return false
	}
	c.unit.Skip(int(done / aesBlockSize))
	c.done, c.n = int(done), copy(c.held[:], state[8:])
	return true
}

// A ctrCipher's state is the number of bytes that it has done.
func (c *ctrCipher) save() ([]byte, error) {
	if c.direction == encrypting {
		return nil, ck.Errorf(ck.CKR_STATE_UNSAVEABLE, "it would encrypt twice with one key stream")
	}
	return binary.BigEndian.AppendUint64(nil, c.done), nil
}

func (c *ctrCipher) restore(state []byte) bool {
	if len(state) != 8 || c.direction == encrypting {
		return false
	}
	done := binary.BigEndian.Uint64(state)
	if done > c.size || c.seek(done/uint64(c.block)) != nil {
		return false
	}
	skipped := make([]byte, done%uint64(c.block))
	c.stream.XORKeyStream(skipped, skipped)
	clear(skipped)
	c.done = done
	return true
}

// An aeadCipher's state is the ciphertext that it holds.
func (c *aeadCipher) save() ([]byte, error) {
	if c.direction == encrypting {
		return nil, ck.Errorf(ck.CKR_STATE_UNSAVEABLE, "it would encrypt twice with one key stream")
	}
	return append([]byte(nil), c.held...), nil
}

func (c *aeadCipher) restore(state []byte) bool {
	c.held = append([]byte(nil), state...)
	return c.direction == decrypting
}
