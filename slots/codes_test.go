package slots_test

import (
	"reflect"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// call is one method with arguments that are right but for the handles.
type call func(a *slots.App, h ck.SessionHandle, o ck.ObjectHandle) error

// drop forgets what a call returns beside its error.
func drop[T any](_ T, err error) error { return err }

var ecb = &ck.Mechanism{Type: ck.CKM_AES_ECB}

// some returns bytes for a call to read or to write to.
func some() []byte { return make([]byte, 32) }

// slotCalls are the methods without a session.
var slotCalls = map[string]call{
	"GetSlotList": func(a *slots.App, _ ck.SessionHandle, _ ck.ObjectHandle) error {
		return drop(a.GetSlotList(true, nil))
	},
	"GetSlotInfo": func(a *slots.App, _ ck.SessionHandle, _ ck.ObjectHandle) error { return drop(a.GetSlotInfo(1)) },
	"GetTokenInfo": func(a *slots.App, _ ck.SessionHandle, _ ck.ObjectHandle) error {
		return drop(a.GetTokenInfo(1))
	},
	"GetMechanismList": func(a *slots.App, _ ck.SessionHandle, _ ck.ObjectHandle) error {
		return drop(a.GetMechanismList(1, nil))
	},
	"GetMechanismInfo": func(a *slots.App, _ ck.SessionHandle, _ ck.ObjectHandle) error {
		return drop(a.GetMechanismInfo(1, ck.CKM_AES_ECB))
	},
	"WaitForSlotEvent": func(a *slots.App, _ ck.SessionHandle, _ ck.ObjectHandle) error { return drop(a.WaitForSlotEvent()) },
	"OpenSession": func(a *slots.App, _ ck.SessionHandle, _ ck.ObjectHandle) error {
		return drop(a.OpenSession(1, ck.CKF_SERIAL_SESSION))
	},
	"OpenSessionNear": func(a *slots.App, _ ck.SessionHandle, _ ck.ObjectHandle) error {
		return drop(a.OpenSessionNear(1, ck.CKF_SERIAL_SESSION, 1))
	},
	"CloseAllSessions": func(a *slots.App, _ ck.SessionHandle, _ ck.ObjectHandle) error { return a.CloseAllSessions(1) },
	"InitToken": func(a *slots.App, _ ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.InitToken(1, []byte("sopin"), "x")
	},
}

// sessionCalls are those with a session that need nothing else.
var sessionCalls = map[string]call{
	"GetSessionInfo": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return drop(a.GetSessionInfo(h)) },
	"CloseSession":   func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return a.CloseSession(h) },
	"Login": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.Login(h, ck.CKU_USER, []byte("userpin"))
	},
	"LoginUser": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.LoginUser(h, ck.CKU_USER, []byte("userpin"), []byte("alice"))
	},
	"Logout":  func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return a.Logout(h) },
	"InitPIN": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return a.InitPIN(h, []byte("1234")) },
	"SetPIN": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.SetPIN(h, []byte("userpin"), []byte("1234"))
	},
	"GetSessionValidationFlags": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return drop(a.GetSessionValidationFlags(h, ck.CKS_LAST_VALIDATION_OK))
	},
	"SetOperationState": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.SetOperationState(h, some(), 0, 0)
	},
	"SessionCancel": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.SessionCancel(h, ck.CKF_ENCRYPT)
	},
	"CreateObject": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return drop(a.CreateObject(h, nil)) },
	"FindObjectsInit": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.FindObjectsInit(h, nil)
	},
	"DigestInit": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return a.DigestInit(h, ecb) },
	"GenerateKey": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return drop(a.GenerateKey(h, ecb, nil))
	},
	"GenerateKeyPair": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		_, _, err := a.GenerateKeyPair(h, ecb, nil, nil)
		return err
	},
	"GenerateRandom":    func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return a.GenerateRandom(h, some()) },
	"SeedRandom":        func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return a.SeedRandom(h, some()) },
	"GetFunctionStatus": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return a.GetFunctionStatus(h) },
	"AsyncJoin": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.AsyncJoin(h, "C_Sign", 1, some())
	},
	"CancelFunction": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return a.CancelFunction(h) },
	"Refuse": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.Refuse(h, slots.NoOperation, ck.CKR_ARGUMENTS_BAD)
	},
}

// objectCalls are those with an object, and the code if there is none.
var objectCalls = map[string]struct {
	do   call
	code ck.RV
}{
	"CopyObject": {func(a *slots.App, h ck.SessionHandle, o ck.ObjectHandle) error {
		return drop(a.CopyObject(h, o, nil))
	}, ck.CKR_OBJECT_HANDLE_INVALID},
	"DestroyObject": {(*slots.App).DestroyObject, ck.CKR_OBJECT_HANDLE_INVALID},
	"GetObjectSize": {func(a *slots.App, h ck.SessionHandle, o ck.ObjectHandle) error {
		return drop(a.GetObjectSize(h, o))
	}, ck.CKR_OBJECT_HANDLE_INVALID},
	"GetAttributeValue": {func(a *slots.App, h ck.SessionHandle, o ck.ObjectHandle) error {
		return a.GetAttributeValue(h, o, make([]api.AttributeResult, 1))
	}, ck.CKR_OBJECT_HANDLE_INVALID},
	"SetAttributeValue": {func(a *slots.App, h ck.SessionHandle, o ck.ObjectHandle) error {
		return a.SetAttributeValue(h, o, nil)
	}, ck.CKR_OBJECT_HANDLE_INVALID},
	"EncryptInit":       {initCall((*slots.App).EncryptInit), ck.CKR_KEY_HANDLE_INVALID},
	"DecryptInit":       {initCall((*slots.App).DecryptInit), ck.CKR_KEY_HANDLE_INVALID},
	"SignInit":          {initCall((*slots.App).SignInit), ck.CKR_KEY_HANDLE_INVALID},
	"SignRecoverInit":   {initCall((*slots.App).SignRecoverInit), ck.CKR_KEY_HANDLE_INVALID},
	"VerifyInit":        {initCall((*slots.App).VerifyInit), ck.CKR_KEY_HANDLE_INVALID},
	"VerifyRecoverInit": {initCall((*slots.App).VerifyRecoverInit), ck.CKR_KEY_HANDLE_INVALID},
	"VerifySignatureInit": {func(a *slots.App, h ck.SessionHandle, o ck.ObjectHandle) error {
		return a.VerifySignatureInit(h, ecb, o, some())
	}, ck.CKR_KEY_HANDLE_INVALID},
	"WrapKey": {func(a *slots.App, h ck.SessionHandle, o ck.ObjectHandle) error {
		return drop(a.WrapKey(h, ecb, o, o, some()))
	}, ck.CKR_WRAPPING_KEY_HANDLE_INVALID},
	"UnwrapKey": {func(a *slots.App, h ck.SessionHandle, o ck.ObjectHandle) error {
		return drop(a.UnwrapKey(h, ecb, o, some(), nil))
	}, ck.CKR_UNWRAPPING_KEY_HANDLE_INVALID},
	"WrapKeyAuthenticated": {func(a *slots.App, h ck.SessionHandle, o ck.ObjectHandle) error {
		return drop(a.WrapKeyAuthenticated(h, sealing(), o, o, nil, some()))
	}, ck.CKR_WRAPPING_KEY_HANDLE_INVALID},
	"UnwrapKeyAuthenticated": {func(a *slots.App, h ck.SessionHandle, o ck.ObjectHandle) error {
		return drop(a.UnwrapKeyAuthenticated(h, sealing(), o, some(), nil, nil))
	}, ck.CKR_UNWRAPPING_KEY_HANDLE_INVALID},
	"DeriveKey": {func(a *slots.App, h ck.SessionHandle, o ck.ObjectHandle) error {
		return drop(a.DeriveKey(h, ecb, o, nil))
	}, ck.CKR_KEY_HANDLE_INVALID},
}

// operationCalls are those that need an active operation.
var operationCalls = map[string]call{
	"FindObjects": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return drop(a.FindObjects(h, make([]ck.ObjectHandle, 1)))
	},
	"FindObjectsFinal": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return a.FindObjectsFinal(h) },
	"Encrypt":          doCall((*slots.App).Encrypt),
	"EncryptUpdate":    doCall((*slots.App).EncryptUpdate),
	"EncryptFinal":     finalCall((*slots.App).EncryptFinal),
	"Decrypt":          doCall((*slots.App).Decrypt),
	"DecryptUpdate":    doCall((*slots.App).DecryptUpdate),
	"DecryptFinal":     finalCall((*slots.App).DecryptFinal),
	"Digest":           doCall((*slots.App).Digest),
	"DigestUpdate":     updateCall((*slots.App).DigestUpdate),
	"DigestKey":        (*slots.App).DigestKey,
	"DigestFinal":      finalCall((*slots.App).DigestFinal),
	"Sign":             doCall((*slots.App).Sign),
	"SignUpdate":       updateCall((*slots.App).SignUpdate),
	"SignFinal":        finalCall((*slots.App).SignFinal),
	"SignRecover":      doCall((*slots.App).SignRecover),
	"Verify": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.Verify(h, some(), some())
	},
	"VerifyUpdate":  updateCall((*slots.App).VerifyUpdate),
	"VerifyFinal":   updateCall((*slots.App).VerifyFinal),
	"VerifyRecover": doCall((*slots.App).VerifyRecover),

	"AsyncComplete": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return drop(a.AsyncComplete(h, "C_Sign"))
	},
	"AsyncGetID": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return drop(a.AsyncGetID(h, "C_Sign"))
	},

	"GetOperationState":     finalCall((*slots.App).GetOperationState),
	"VerifySignature":       updateCall((*slots.App).VerifySignature),
	"VerifySignatureUpdate": updateCall((*slots.App).VerifySignatureUpdate),
	"VerifySignatureFinal":  func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return a.VerifySignatureFinal(h) },

	"DigestEncryptUpdate": doCall((*slots.App).DigestEncryptUpdate),
	"DecryptDigestUpdate": doCall((*slots.App).DecryptDigestUpdate),
	"SignEncryptUpdate":   doCall((*slots.App).SignEncryptUpdate),
	"DecryptVerifyUpdate": doCall((*slots.App).DecryptVerifyUpdate),
	"RefuseDual": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.RefuseDual(h, slots.EncryptOperation, slots.DigestOperation, ck.CKR_ARGUMENTS_BAD)
	},
}

func initCall(f func(*slots.App, ck.SessionHandle, *ck.Mechanism, ck.ObjectHandle) error) call {
	return func(a *slots.App, h ck.SessionHandle, o ck.ObjectHandle) error { return f(a, h, ecb, o) }
}

func doCall(f func(*slots.App, ck.SessionHandle, []byte, []byte) (int, error)) call {
	return func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return drop(f(a, h, some(), some())) }
}

func finalCall(f func(*slots.App, ck.SessionHandle, []byte) (int, error)) call {
	return func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return drop(f(a, h, some())) }
}

func updateCall(f func(*slots.App, ck.SessionHandle, []byte) error) call {
	return func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return f(a, h, some()) }
}

// allCalls is all of the above by name.
func allCalls() map[string]call {
	all := map[string]call{}
	for _, m := range []map[string]call{slotCalls, sessionCalls, operationCalls} {
		for name, do := range m {
			all[name] = do
		}
	}
	for name, c := range objectCalls {
		all[name] = c.do
	}
	return all
}

// Every method stands in one of the tables: a new one must be put there.
func TestTablesAreWhole(t *testing.T) {
	all := allCalls()
	typ := reflect.TypeFor[*slots.App]()
	for i := range typ.NumMethod() {
		name := typ.Method(i).Name
		if name != "Finalize" && name != "Mechanism" && all[name] == nil {
			t.Errorf("%s is in no table", name)
		}
	}
	if typ.NumMethod() != len(all)+2 {
		t.Errorf("%d methods, %d in the tables", typ.NumMethod(), len(all)+2)
	}
}

func want(t *testing.T, name, when string, err error, code ck.RV) {
	t.Helper()
	if ck.Code(err) != code {
		t.Errorf("%s %s: %v, want %v", name, when, ck.Code(err), code)
	}
}

func TestBadSession(t *testing.T) {
	w := newTestWorld(t)
	closed := open(t, w.app, "rw")
	if err := w.app.CloseSession(closed); err != nil {
		t.Fatal(err)
	}
	for name, do := range allCalls() {
		if slotCalls[name] != nil {
			continue
		}
		for _, h := range []ck.SessionHandle{0, closed, ^ck.SessionHandle(0), closed + 1} {
			want(t, name, "without a session", do(w.app, h, 0), ck.CKR_SESSION_HANDLE_INVALID)
		}
	}
}

func TestBadObject(t *testing.T) {
	w := newTestWorld(t)
	h := open(t, w.app, "rw")
	gone, err := w.app.CreateObject(h, ck.Template{ck.String(ck.CKA_LABEL, "x")})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.app.DestroyObject(h, gone); err != nil {
		t.Fatal(err)
	}
	for name, c := range objectCalls {
		for _, o := range []ck.ObjectHandle{0, gone, ck.ObjectHandle(h), ^ck.ObjectHandle(0)} {
			want(t, name, "without an object", c.do(w.app, h, o), c.code)
		}
	}
}

// An object that another process has destroyed: the handle is there still, the
// partition knows better.
func TestObjectGoneElsewhere(t *testing.T) {
	w := newTestWorld(t)
	h := open(t, w.app, "rw")
	o, err := w.app.CreateObject(h, ck.Template{ck.String(ck.CKA_LABEL, "x")})
	if err != nil {
		t.Fatal(err)
	}
	w.module.(*twin).partitions[0].objects = nil
	for name, c := range objectCalls {
		want(t, name, "on an object that is gone", c.do(w.app, h, o), c.code)
	}
}

func TestNoOperation(t *testing.T) {
	w := newTestWorld(t)
	h := open(t, w.app, "rw")
	for name, do := range operationCalls {
		want(t, name, "without Init", do(w.app, h, 0), ck.CKR_OPERATION_NOT_INITIALIZED)
	}
}

func TestBadSlot(t *testing.T) {
	w := newTestWorld(t)
	const none = 77
	for name, err := range map[string]error{
		"GetSlotInfo":      drop(w.app.GetSlotInfo(none)),
		"GetTokenInfo":     drop(w.app.GetTokenInfo(none)),
		"GetMechanismList": drop(w.app.GetMechanismList(none, nil)),
		"GetMechanismInfo": drop(w.app.GetMechanismInfo(none, ck.CKM_AES_ECB)),
		"OpenSession":      drop(w.app.OpenSession(none, ck.CKF_SERIAL_SESSION)),
		"CloseAllSessions": w.app.CloseAllSessions(none),
		"InitToken":        w.app.InitToken(none, []byte("sopin"), "x"),
	} {
		want(t, name, "on no slot", err, ck.CKR_SLOT_ID_INVALID)
	}
}

func TestAfterFinalize(t *testing.T) {
	w := newTestWorld(t)
	h := open(t, w.app, "rw")
	if err := w.app.Finalize(); err != nil {
		t.Fatal(err)
	}
	for name, do := range allCalls() {
		want(t, name, "after Finalize", do(w.app, h, 1), ck.CKR_CRYPTOKI_NOT_INITIALIZED)
	}
	want(t, "Finalize", "a second time", w.app.Finalize(), ck.CKR_CRYPTOKI_NOT_INITIALIZED)
	if n := w.module.(*twin).closed; n != 1 {
		t.Errorf("the module was closed %d times", n)
	}
}

// newTestWorld is a twin with a token in slot 1.
func newTestWorld(t testing.TB) *world {
	w := newWorld(new(twin))
	if err := w.setup(args{}); err != nil {
		t.Fatal(err)
	}
	return w
}

func open(t testing.TB, a *slots.App, how string) ck.SessionHandle {
	t.Helper()
	h, err := a.OpenSession(1, openFlags[how])
	if err != nil {
		t.Fatal(err)
	}
	return h
}
