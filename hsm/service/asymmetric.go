package service

import (
	"bytes"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// The operations of asymmetric keys have one shape: take the data in, compute
// once. signer, verifier (signature.go) and transformer are those shapes; a mechanism
// fills in the computation.

// intake takes in what a signature is made over.
type intake interface {
	// Update takes in the next part.
	Update(part []byte) error
	// sum takes in the last part and returns what goes into the computation: all
	// the data, or its digest.
	sum(last []byte) ([]byte, error)
	// Close wipes what has been taken in.
	Close()
	saveable
}

// hashIntake hashes the data, as a digest does: what it returns is wiped by Close.
type hashIntake struct{ *summer }

func (in hashIntake) sum(last []byte) ([]byte, error) {
	in.Write(last)
	return in.Sum(in.summer.sum[:0]), nil
}

// maxParts limits what is kept in memory for mechanisms that need all of the
// data at once and set no limit themselves, in bytes.
const maxParts = 16 << 20

// wholeIntake keeps the data as it is, for mechanisms that hash nothing. The
// standard gives them no multi-part form, but clients use it.
type wholeIntake struct {
	min, max int // bytes in all; of max 0, maxParts in parts and no limit at once
	data     []byte
}

func (in *wholeIntake) Update(part []byte) error {
	limit := in.max
	if limit == 0 {
		limit = maxParts
	}
	if len(part) > limit-len(in.data) {
		return ck.CKR_DATA_LEN_RANGE
	}
	in.data = append(in.data, part...)
	return nil
}

func (in *wholeIntake) sum(last []byte) ([]byte, error) {
	data := last
	if len(in.data) > 0 {
		if err := in.Update(last); err != nil {
			return nil, err
		}
		data = in.data
	}
	if len(data) < in.min || in.max > 0 && len(data) > in.max {
		return nil, ck.CKR_DATA_LEN_RANGE
	}
	return data, nil
}

func (in *wholeIntake) Close() { clear(in.data) }

// singlePart refuses the parts of an api.Cipher whose mechanism the standard has for
// single-part operations alone. Of the codes that are listed for these functions
// (sections 5.8 and 5.10) one fits: no operation in parts has been initialised.
type singlePart struct{}

func (singlePart) Update(_, _ []byte) (int, error) { return 0, ck.CKR_OPERATION_NOT_INITIALIZED }
func (singlePart) Final(_ []byte) (int, error)     { return 0, ck.CKR_OPERATION_NOT_INITIALIZED }

// transformer is an api.Cipher that turns one input into one output and does not
// work in parts.
type transformer struct {
	singlePart
	size int // of the output, in bytes, at most
	// exact says that all outputs have size bytes, so that it is known before the
	// computation whether dst is large enough.
	exact bool
	// check answers for inputs of a wrong length.
	check func(srcLen int) error
	do    func(src []byte) ([]byte, error)

	// The last input and what came of it, kept until it has been handed out, so
	// that a short buffer never costs a second private-key operation.
	src, out []byte
}

func (t *transformer) OneShot(dst, src []byte) (int, error) {
	if dst == nil {
		return t.size, nil
	}
	if err := t.check(len(src)); err != nil {
		return 0, err
	}
	if t.exact {
		if n, done, err := fits(dst, t.size); done {
			return n, err
		}
	}
	if err := t.compute(src); err != nil {
		return 0, err
	}
	if n, done, err := fits(dst, len(t.out)); done {
		return n, err
	}
	return copy(dst, t.out), nil
}

// compute fills out, unless it holds the output for this very input already.
func (t *transformer) compute(src []byte) error {
	if t.out != nil && bytes.Equal(t.src, src) {
		return nil
	}
	t.forget()
	out, err := t.do(src)
	if err != nil {
		return err
	}
	t.src, t.out = bytes.Clone(src), out
	return nil
}

func (t *transformer) forget() {
	clear(t.src)
	clear(t.out)
	t.src, t.out = nil, nil
}

// Close wipes the input and the output.
func (t *transformer) Close() { t.forget() }
