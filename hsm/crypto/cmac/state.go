package cmac

import "errors"

var errState = errors.New("cmac: not a saved state")

// MarshalBinary (encoding.BinaryMarshaler) returns the chaining block, and the
// block that may be the last as far as it is filled. It is as secret as the key:
// who has it can make MACs of messages that begin so.
func (m *mac) MarshalBinary() ([]byte, error) {
	return append(append(make([]byte, 0, 2*Size), m.c[:]...), m.last[:m.n]...), nil
}

// UnmarshalBinary (encoding.BinaryUnmarshaler) puts a MAC under the same key where
// the saved one was.
func (m *mac) UnmarshalBinary(state []byte) error {
	if len(state) < Size || len(state) > 2*Size {
		return errState
	}
	m.n = copy(m.last[:], state[copy(m.c[:], state):])
	return nil
}
