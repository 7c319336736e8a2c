package service

import (
	"crypto/subtle"
	"hash"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// maxSum is the longest output of any hash or MAC, in bytes.
const maxSum = 64

// summer is a digest or a MAC under way: an api.Digester and an api.Signer whose
// output is the first size bytes of the hash.
type summer struct {
	hash.Hash
	size int
	// inner is what knows how far the computation has come: the hash itself, or the
	// inner one of HMAC.
	inner hash.Hash
	sum   [maxSum]byte // room for the output, here because it would escape elsewhere

	// idle is where the summer is between messages: to make one costs as much as a
	// short message. It is nil where there is nothing to be spared.
	idle *sync.Pool
	// busy is true up to Close, so that another Close does not give it away twice.
	busy bool
	// secret is true once a key has been digested, or may have been.
	secret bool
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
	if !s.secret {
		return copy(dst, s.Sum(s.sum[:0])[:s.size]), nil
	}
	secret.Do(func() { s.Sum(s.sum[:0]) }) // it works on a copy of the state
	return copy(dst, s.sum[:s.size]), nil
}

// DigestSecret is Update of a digest with a secret, of which nothing is left when the
// digest has been closed.
func DigestSecret(d api.Digester, value []byte) (err error) {
	if s, ok := d.(*summer); ok {
		s.secret = true
	}
	secret.Do(func() { err = d.Update(value) })
	return err
}

// zeros are more than a block of any hash.
var zeros [256]byte

// overwrite fills the block that the hash has room for: Reset forgets how much of it is
// used, and leaves it as it is.
func (s *summer) overwrite() {
	s.Reset()
	s.Write(zeros[:1]) // or the block would not go through the room
	s.Write(zeros[:s.BlockSize()-1])
	s.secret = false
}

// Close wipes the result, and what secrets have left in the summer, and gives it to who
// needs it next. It is not used after that, but for another Close at once.
func (s *summer) Close() {
	if !s.busy {
		return
	}
	s.busy = false
	if s.secret {
		s.overwrite()
	}
	s.Reset()
	clear(s.sum[:])
	if s.idle != nil {
		s.idle.Put(s)
	}
}

// taken returns an idle summer for a message, nil if there is none.
func taken(idle *sync.Pool) *summer {
	s, ok := idle.Get().(*summer)
	if !ok {
		return nil
	}
	s.busy = true
	return s
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
