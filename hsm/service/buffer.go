package service

import "github.com/coffer-hsm/coffer/hsm/ck"

// fits applies the contract of dst in package api to an output of exactly need
// bytes. done means that the method is to return n and err at once: dst is a
// question, or too short.
func fits(dst []byte, need int) (n int, done bool, err error) {
	switch {
	case dst == nil:
		return need, true, nil
	case len(dst) < need:
		return need, true, ck.CKR_BUFFER_TOO_SMALL
	}
	return need, false, nil
}
