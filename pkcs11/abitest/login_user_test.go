package abitest

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// TestLoginUser is called by a session whose user is logged in already.
func TestLoginUser(t *testing.T) {
	k := open(t)
	pin, name := Address(k.Copy([]byte(userPIN))), Address(k.Copy([]byte("alice")))
	user, length := uintptr(ck.CKU_USER), uintptr(len(userPIN))
	k.want(ck.CKR_USER_ALREADY_LOGGED_IN, "C_LoginUser", k.h, user, pin, length, 0, 0)
	k.want(ck.CKR_USER_ALREADY_LOGGED_IN, "C_LoginUser", k.h, user, pin, length, name, 0)
	k.want(ck.CKR_USER_ANOTHER_ALREADY_LOGGED_IN, "C_LoginUser", k.h, user, pin, length, name, 5)
	k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_LoginUser", k.h, uintptr(ck.CKU_CONTEXT_SPECIFIC), pin, length, name, 5)
	k.want(ck.CKR_ARGUMENTS_BAD, "C_LoginUser", k.h, user, 0, 0, name, 5)
	k.want(ck.CKR_ARGUMENTS_BAD, "C_LoginUser", k.h, user, pin, length, 0, 5)
	k.want(ck.CKR_ARGUMENTS_BAD, "C_LoginUser", k.h, user, pin, length, name, 1<<48)
	k.want(ck.CKR_USER_TYPE_INVALID, "C_LoginUser", k.h, 7, pin, length, 0, 0)
}
