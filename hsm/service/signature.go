package service

import (
	"sync"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// signed is what a signer and a verifier have in common: what is signed, the key of type
// K, and what else of the mechanism the computation has to know, of type P.
type signed[K, P any] struct {
	intake
	whole wholeIntake // the intake where nothing is hashed
	size  int         // of all signatures, in bytes
	key   K
	param P
}

// begin has the data hashed with h; of no h, kept within the limits.
func (s *signed[K, P]) begin(h *hashInfo, limits wholeIntake) {
	if h != nil {
		s.intake = hashIntake{newDigest(h)}
		return
	}
	s.whole = limits
	s.intake = &s.whole
}

// end wipes s. It reports whether that has not been done before.
func (s *signed[K, P]) end() bool {
	if s.intake == nil {
		return false
	}
	s.intake.Close()
	*s = signed[K, P]{}
	return true
}

// signing is a mechanism that signs.
type signing[K, P any] struct {
	// sign returns the signature of what the intake has made of the data. It may
	// append it to dst.
	sign func(k K, p P, dst, data []byte) ([]byte, error)
	// often has it run by wipeable.useOften.
	often bool
	idle  sync.Pool // of *signer, after Close
}

// signer is an api.Signer.
type signer[K, P any] struct {
	signed[K, P]
	way *signing[K, P]
	of  *wipeable // that of the key
}

// start returns a signer for the key, which is to begin.
func (way *signing[K, P]) start(key K, of *wipeable, param P, size int) *signer[K, P] {
	s, ok := way.idle.Get().(*signer[K, P])
	if !ok {
		s = &signer[K, P]{way: way}
	}
	s.key, s.of, s.param, s.size = key, of, param, size
	return s
}

func (s *signer[K, P]) OneShot(dst, data []byte) (int, error) {
	if n, done, err := fits(dst, s.size); done {
		return n, err
	}
	in, err := s.sum(data)
	if err != nil {
		return 0, err
	}
	sig, err := s.compute(dst[:0], in)
	if err != nil {
		return 0, err
	}
	return copy(dst, sig), nil // it may be there already
}

func (s *signer[K, P]) compute(dst, data []byte) ([]byte, error) {
	sign := func() ([]byte, error) { return s.way.sign(s.key, s.param, dst, data) }
	if s.way.often {
		return s.of.useOften(sign)
	}
	return s.of.use(sign)
}

func (s *signer[K, P]) Final(dst []byte) (int, error) { return s.OneShot(dst, nil) }

// Close wipes what has been taken in. The signer is not used after that, but for another
// Close at once.
func (s *signer[K, P]) Close() {
	if s.end() {
		s.of = nil
		s.way.idle.Put(s)
	}
}

// verifying is a mechanism that verifies.
type verifying[K, P any] struct {
	// verify tells whether the signature is right.
	verify func(k K, p P, data, sig []byte) bool
	idle   sync.Pool // of *verifier, after Close
}

// verifier is an api.Verifier.
type verifier[K, P any] struct {
	signed[K, P]
	way *verifying[K, P]
}

// start returns a verifier for the key, which is to begin.
func (way *verifying[K, P]) start(key K, param P, size int) *verifier[K, P] {
	v, ok := way.idle.Get().(*verifier[K, P])
	if !ok {
		v = &verifier[K, P]{way: way}
	}
	v.key, v.param, v.size = key, param, size
	return v
}

func (v *verifier[K, P]) OneShot(data, sig []byte) error {
	in, err := v.sum(data)
	switch {
	case err != nil:
		return err
	case len(sig) != v.size:
		return ck.CKR_SIGNATURE_LEN_RANGE
	case !v.way.verify(v.key, v.param, in, sig):
		return ck.CKR_SIGNATURE_INVALID
	}
	return nil
}

func (v *verifier[K, P]) Final(sig []byte) error { return v.OneShot(nil, sig) }

// Close is as that of a signer.
func (v *verifier[K, P]) Close() {
	if v.end() {
		v.way.idle.Put(v)
	}
}
