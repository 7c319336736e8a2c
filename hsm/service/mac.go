package service

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// macAlgorithm is a MAC and how to start it.
type macAlgorithm struct {
	size  int // bytes of a full MAC
	start func(*Key) (*summer, error)
}

// full completes m, the mechanism that gives the whole MAC.
func (a macAlgorithm) full(m Mechanism) Mechanism {
	return a.sized(m, func(*ck.Mechanism) (int, error) { return a.size, nil })
}

// general completes m, the mechanism whose parameter (CK_MAC_GENERAL_PARAMS) is
// the number of bytes to give. None at all is refused: every message would have
// that MAC.
func (a macAlgorithm) general(m Mechanism) Mechanism {
	m.Param = ck.ParamUlong
	return a.sized(m, func(m *ck.Mechanism) (int, error) {
		n := m.Param.(*ck.UlongParam).Value
		if n < 1 || n > uint64(a.size) {
			return 0, ck.CKR_MECHANISM_PARAM_INVALID
		}
		return int(n), nil
	})
}

// sized adds signing and verifying to m, with MACs as long as size says.
func (a macAlgorithm) sized(m Mechanism, size func(*ck.Mechanism) (int, error)) Mechanism {
	start := func(k *Key, m *ck.Mechanism) (*summer, error) {
		n, err := size(m)
		if err != nil {
			return nil, err
		}
		s, err := a.start(k)
		if err != nil {
			return nil, err
		}
		s.size = n
		return s, nil
	}
	m.Sign = func(k *Key, m *ck.Mechanism) (api.Signer, error) {
		s, err := start(k, m)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	m.Verify = func(k *Key, m *ck.Mechanism) (api.Verifier, error) {
		s, err := start(k, m)
		if err != nil {
			return nil, err
		}
		return (*sumVerifier)(s), nil
	}
	return m
}
