package service

import (
	"crypto/subtle"
	"hash"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// maxSum is the longest output of any hash or MAC, in bytes.
const maxSum = 64

// summer is a digest or a MAC under way: an api.Digester and an api.Signer whose
// output is the first size bytes of the hash.
type summer struct {
	hash.Hash
	// inner is what knows how far the computation has come: the hash itself, or the
	// inner one of HMAC.
	inner hash.Hash
	size  int
	keyed *keyedHash // that Hash and inner are of, or nil

	sum [maxSum]byte // room for the output, here because it would escape elsewhere
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

// Close wipes what the data has left in the state. The summer is not used after that.
func (s *summer) Close() {
	s.Reset()
	clear(s.sum[:])
	if s.keyed != nil {
		s.keyed.idle.Put(s.keyed)
	}
	s.Hash, s.inner, s.keyed = closedHash{}, nil, nil
}

// closedHash is the hash of a summer that has been closed: a second Close finds
// nothing, any other use is an error in Coffer and panics.
type closedHash struct{ hash.Hash }

func (closedHash) Reset() {}

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
