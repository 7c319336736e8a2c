package slots_test

import (
	"runtime"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// completed is AsyncComplete once the call is done.
func completed(a *slots.App, h ck.SessionHandle, function string) (*slots.AsyncResult, error) {
	for {
		r, err := a.AsyncComplete(h, function)
		if ck.Code(err) != ck.CKR_PENDING {
			return r, err
		}
		runtime.Gosched()
	}
}

// complete tells the output of a pending call, or names the keys that it has made.
func (w *world) complete(a args) (string, error) {
	r, err := completed(w.app, w.session(a, 0), a.word(1))
	if err != nil {
		return "", err
	}
	if r.Buffer != nil {
		return w.output(a, 2, r.Buffer, r.Length, nil)
	}
	for i, h := range []ck.ObjectHandle{r.Object, r.Additional} {
		if h != 0 {
			w.name(a, 2+i, h, nil)
		}
	}
	return "", nil
}
