package slots

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// The calls that several kinds of operation have, over run. Their function
// values hold nothing but dst and src and stay on the stack.

// producer is an operation with an output at its end.
type producer interface {
	api.Operation
	OneShot(dst, src []byte) (int, error)
	Final(dst []byte) (int, error)
}

func oneShot[O producer](a *App, h ck.SessionHandle, k *spec[O], src, dst []byte) (int, error) {
	return run(a, h, k, whole, dst == nil, func(op O) (int, error) { return op.OneShot(dst, src) })
}

func final[O producer](a *App, h ck.SessionHandle, k *spec[O], dst []byte) (int, error) {
	return run(a, h, k, last, dst == nil, func(op O) (int, error) { return op.Final(dst) })
}

// absorber is an operation that has no output on the way.
type absorber interface {
	api.Operation
	Update(data []byte) error
}

func absorb[O absorber](a *App, h ck.SessionHandle, k *spec[O], src []byte) error {
	_, err := run(a, h, k, part, false, func(op O) (int, error) { return 0, op.Update(src) })
	return err
}

func transform(a *App, h ck.SessionHandle, k *spec[api.Cipher], src, dst []byte) (int, error) {
	return run(a, h, k, part, dst == nil, func(op api.Cipher) (int, error) { return op.Update(dst, src) })
}
