package service

import (
	"encoding"
	"encoding/binary"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

func init() {
	for i := range hashes {
		h := &hashes[i]
		register(Mechanism{
			Type:   h.digest,
			Digest: func(*ck.Mechanism) (api.Digester, error) { return newDigest(h), nil },
		})
	}
}

func newDigest(h *hashInfo) *summer { return &summer{Hash: h.new(), size: h.size, digest: h.digest} }

// SaveDigest returns the state of a digest that this package has made: the
// mechanism and what its hash has for a state. Whoever has it knows the end of the
// data and can go on with the digest; so it is to be sealed. CKR_STATE_UNSAVEABLE.
func SaveDigest(d api.Digester) ([]byte, error) {
	s, ok := d.(*summer)
	if !ok || s.digest == 0 {
		return nil, ck.CKR_STATE_UNSAVEABLE
	}
	m, ok := s.Hash.(encoding.BinaryMarshaler)
	if !ok {
		return nil, ck.CKR_STATE_UNSAVEABLE
	}
	state, err := m.MarshalBinary()
	if err != nil {
		return nil, ck.CKR_STATE_UNSAVEABLE
	}
	return append(binary.BigEndian.AppendUint64(nil, uint64(s.digest)), state...), nil
}

// RestoreDigest makes a digest of what SaveDigest has returned, and of nothing
// else: CKR_SAVED_STATE_INVALID.
func RestoreDigest(saved []byte) (api.Digester, error) {
	if len(saved) < 8 {
		return nil, ck.CKR_SAVED_STATE_INVALID
	}
	h, ok := hashByMechanism(ck.MechanismType(binary.BigEndian.Uint64(saved)))
	if !ok {
		return nil, ck.CKR_SAVED_STATE_INVALID
	}
	s := newDigest(h)
	m, ok := s.Hash.(encoding.BinaryUnmarshaler)
	if !ok || m.UnmarshalBinary(saved[8:]) != nil {
		return nil, ck.CKR_SAVED_STATE_INVALID
	}
	return s, nil
}
