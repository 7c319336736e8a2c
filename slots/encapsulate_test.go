package slots_test

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

func init() {
	commands["encapsulate"] = func(w *world, a args) (string, error) {
		dst := a.buffer(4)
		n, h, err := w.app.EncapsulateKey(w.session(a, 0), a.mechanism(1), w.object(a, 2), withoutOutput(a, 5), dst)
		if dst != nil {
			w.name(a, 3, h, err)
		}
		return w.output(a, 5, dst, n, err)
	}
	commands["decapsulate"] = quiet(func(w *world, a args) error {
		h, err := w.app.DecapsulateKey(w.session(a, 0), a.mechanism(1), w.object(a, 2), a.template(a.rest(5)), w.data(a, 3))
		w.name(a, 4, h, err)
		return err
	})
	mechanismNames["ML_KEM"], mechanismNames["ML_KEM_KEY_PAIR_GEN"] = ck.CKM_ML_KEM, ck.CKM_ML_KEM_KEY_PAIR_GEN
	boolNames["encapsulate"], boolNames["decapsulate"] = ck.CKA_ENCAPSULATE, ck.CKA_DECAPSULATE
	kindNames["mlkem768"] = ck.Template{ck.Ulong[uint64](ck.CKA_PARAMETER_SET, ck.CKP_ML_KEM_768)}

	encapsulate := objectCalls["CopyObject"]
	encapsulate.code = ck.CKR_KEY_HANDLE_INVALID
	encapsulate.do = func(a *slots.App, h ck.SessionHandle, o ck.ObjectHandle) error {
		_, _, err := a.EncapsulateKey(h, ecb, o, nil, some())
		return err
	}
	objectCalls["EncapsulateKey"] = encapsulate
	decapsulate := encapsulate
	decapsulate.code = ck.CKR_UNWRAPPING_KEY_HANDLE_INVALID
	decapsulate.do = func(a *slots.App, h ck.SessionHandle, o ck.ObjectHandle) error {
		return drop(a.DecapsulateKey(h, ecb, o, nil, some()))
	}
	objectCalls["DecapsulateKey"] = decapsulate
}

// withoutOutput is the template in the words from i, less the one that saves.
func withoutOutput(a args, i int) ck.Template {
	var words []string
	for _, word := range a.rest(i) {
		if word[0] != '>' {
			words = append(words, word)
		}
	}
	return a.template(words)
}
