package slots_test

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// A PIN of impossible length is looked at when all else is in order, and is no try.
func TestEndlessPIN(t *testing.T) {
	w, h := benchWorld(t)
	endless := slots.EndlessPIN
	want(t, "Login", "on no session", w.app.Login(h+1, ck.CKU_USER, endless), ck.CKR_SESSION_HANDLE_INVALID)
	want(t, "Login", "twice", w.app.Login(h, ck.CKU_USER, endless), ck.CKR_USER_ALREADY_LOGGED_IN)
	want(t, "Login", "of another", w.app.Login(h, ck.CKU_SO, endless), ck.CKR_USER_ANOTHER_ALREADY_LOGGED_IN)
	want(t, "Login", "for nothing", w.app.Login(h, ck.CKU_CONTEXT_SPECIFIC, endless), ck.CKR_OPERATION_NOT_INITIALIZED)
	want(t, "InitPIN", "by a user", w.app.InitPIN(h, endless), ck.CKR_USER_NOT_LOGGED_IN)
	want(t, "SetPIN", "with an endless old one", w.app.SetPIN(h, endless, []byte("1234")), ck.CKR_PIN_INCORRECT)
	want(t, "SetPIN", "with an endless new one", w.app.SetPIN(h, []byte("userpin"), endless), ck.CKR_PIN_LEN_RANGE)
	want(t, "SetPIN", "in a read-only session", w.app.SetPIN(open(t, w.app, "ro"), endless, endless), ck.CKR_SESSION_READ_ONLY)
	want(t, "InitToken", "with sessions", w.app.InitToken(1, endless, "x"), ck.CKR_SESSION_EXISTS)
	want(t, "InitToken", "of no slot", w.app.InitToken(99, endless, "x"), ck.CKR_SLOT_ID_INVALID)

	want(t, "Logout", "", w.app.Logout(h), ck.CKR_OK)
	for range 20 { // twice as many as lock a PIN
		want(t, "Login", "with an endless PIN", w.app.Login(h, ck.CKU_USER, endless), ck.CKR_PIN_INCORRECT)
	}
	want(t, "Login", "after that", w.app.Login(h, ck.CKU_USER, []byte("userpin")), ck.CKR_OK)
	want(t, "CloseAllSessions", "", w.app.CloseAllSessions(1), ck.CKR_OK)
	want(t, "InitToken", "with an endless PIN", w.app.InitToken(1, endless, "x"), ck.CKR_PIN_INCORRECT)
	h = open(t, w.app, "rw")
	want(t, "Login", "of the SO", w.app.Login(h, ck.CKU_SO, []byte("sopin")), ck.CKR_OK)
	want(t, "InitPIN", "with an endless PIN", w.app.InitPIN(h, endless), ck.CKR_PIN_LEN_RANGE)
}
