package service

import (
	"crypto/subtle"
	"hash"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// maxSum is the longest output of any hash or MAC, in bytes.
const maxSum = 64

// summer is a digest or a MAC under way: an api.Digester and an api.Signer whose
// output is the first size bytes of the hash.
type summer struct {
	*hashState // nil after Close
	size       int
}

// hashState is what a summer works with.
type hashState struct {
	hash.Hash
	// inner is what knows how far the computation has come: the hash itself, or the
	// inner one of HMAC.
	inner hash.Hash
	sum   [maxSum]byte // room for the output, here because it would escape elsewhere

	// idle is where the state is between messages: to make one costs as much as a
	// short message. It is nil where there is nothing to be spared.
	idle *sync.Pool
}

func (s *summer) OneShot(dst, data []byte) (int, error) {
	if n, done, err := fits(dst, s.size); done {
		return n, err
	}
	s.Write(data)
	return s.Final(dst)
}

func (s *summer) Update(data []byte) error {
	s.Write(data)
	return nil
}

func (s *summer) Final(dst []byte) (int, error) {
	if n, done, err := fits(dst, s.size); done {
		return n, err
	}
	return copy(dst, s.Sum(s.sum[:0])[:s.size]), nil
}

// Close wipes what the data has left in the state, and gives the state to who needs it
// next. The summer is not used after that, but for another Close.
func (s *summer) Close() {
	state := s.hashState
	if state == nil {
		return
	}
	s.hashState = nil
	state.Reset()
	clear(state.sum[:])
	if state.idle != nil {
		state.idle.Put(state)
	}
}

// sumVerifier is the api.Verifier to a summer that is a MAC.
type sumVerifier summer

func (v *sumVerifier) OneShot(data, mac []byte) error {
	v.Write(data)
	return v.Final(mac)
}

func (v *sumVerifier) Update(data []byte) error {
	v.Write(data)
	return nil
}

func (v *sumVerifier) Final(mac []byte) error {
	if len(mac) != v.size {
		return ck.CKR_SIGNATURE_LEN_RANGE
	}
	if subtle.ConstantTimeCompare(v.Sum(v.sum[:0])[:v.size], mac) != 1 {
		return ck.CKR_SIGNATURE_INVALID
	}
	return nil
}

func (v *sumVerifier) Close() { (*summer)(v).Close() }
