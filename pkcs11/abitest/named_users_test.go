package abitest

import (
	"os"
	"os/exec"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/pkcs11/rig"
)

// manage runs the tool: another process, which works for the SO on the same home. pin
// is what it sets for a user.
func manage(t *testing.T, pin string, args ...string) {
	t.Helper()
	c := exec.Command(built(rig.Tool), args...)
	c.Env = append(os.Environ(), "COFFER_SO_PIN="+soPIN, "COFFER_PIN="+pin)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("coffer %q: %v\n%s", args, err, out)
	}
}

// openUsers gives a test a session, in which nobody is logged in, on a token of its own
// that has the users alice and bob.
func openUsers(t *testing.T) *token {
	k := open(t) // loads the library, and shows what it has
	label := "users"
	manage(t, userPIN, "partition", "create", label, "--pin-delay-after", "2", "--pin-delay", "900")
	t.Cleanup(func() { manage(t, "", "partition", "delete", label, "--force", "--yes") })
	manage(t, "alice's PIN", "user", "create", "alice", "-p", label)
	manage(t, "bob's PIN", "user", "create", "bob", "-p", label)

	n, slots := k.Ulongs(8), k.Ulongs(make([]uintptr, 8)...)
	k.ok("C_GetSlotList", 1, 0, Address(n))
	k.ok("C_GetSlotList", 1, Address(slots), Address(n))
	for i := range int(n.At(0)) {
		info := k.Bytes(256, 0) // CK_TOKEN_INFO, which begins with the label
		k.ok("C_GetTokenInfo", uintptr(slots.At(i)), Address(info))
		if string(info[:len(label)+1]) == label+" " {
			h := k.Ulongs(0)
			k.ok("C_OpenSession", uintptr(slots.At(i)), uintptr(ck.CKF_SERIAL_SESSION|ck.CKF_RW_SESSION), 0, 0, Address(h))
			t.Cleanup(func() { k.ok("C_CloseSession", uintptr(h.At(0))) })
			users := *k
			users.h = uintptr(h.At(0))
			return &users
		}
	}
	t.Fatal("the token that another process has made is not there")
	return nil
}

func (k *token) loginUser(name, pin string, want ck.RV) {
	k.Helper()
	n, p := k.Copy([]byte(name)), k.Copy([]byte(pin))
	k.want(want, "C_LoginUser", k.h, uintptr(ck.CKU_USER), Address(p), uintptr(len(p)), Address(n), uintptr(len(n)))
}

// state is the session's CK_SESSION_INFO.state.
func (k *token) state() ck.State {
	k.Helper()
	info := k.Ulongs(0, 0, 0, 0)
	k.ok("C_GetSessionInfo", k.h, Address(info))
	return ck.State(info.At(1))
}

// TestNamedUsers logs users in through C while another process looks after them.
func TestNamedUsers(t *testing.T) {
	k := openUsers(t)
	k.loginUser("alice", "bob's PIN", ck.CKR_PIN_INCORRECT)
	k.loginUser("carol", "bob's PIN", ck.CKR_PIN_INCORRECT)
	k.loginUser("alice", "alice's PIN", ck.CKR_OK)
	k.loginUser("alice", "alice's PIN", ck.CKR_USER_ALREADY_LOGGED_IN)
	k.loginUser("bob", "bob's PIN", ck.CKR_USER_ANOTHER_ALREADY_LOGGED_IN)
	k.loginUser("", userPIN, ck.CKR_USER_ANOTHER_ALREADY_LOGGED_IN)

	old, next := k.Copy([]byte("alice's PIN")), k.Copy([]byte("another PIN"))
	k.ok("C_SetPIN", k.h, Address(old), uintptr(len(old)), Address(next), uintptr(len(next)))
	k.ok("C_Logout", k.h)
	k.loginUser("alice", "alice's PIN", ck.CKR_PIN_INCORRECT)
	k.loginUser("alice", "another PIN", ck.CKR_OK)

	// Deleted by another process: logged out, and a wrong PIN from then on.
	key := k.aesKey()
	manage(t, "", "user", "delete", "alice", "-p", "users", "--yes")
	k.want(ck.CKR_KEY_HANDLE_INVALID, "C_EncryptInit", k.h, k.mechanism(ck.CKM_AES_ECB, nil), key)
	if s := k.state(); s != ck.CKS_RW_PUBLIC_SESSION {
		t.Errorf("the session of a deleted user is in the state %v", s)
	}
	k.want(ck.CKR_USER_NOT_LOGGED_IN, "C_Logout", k.h)
	k.loginUser("alice", "another PIN", ck.CKR_PIN_INCORRECT)
	k.loginUser("bob", "bob's PIN", ck.CKR_OK)
	k.ok("C_Logout", k.h)
}

// TestPINDelay: what the policy of the partition says holds for the library, at once
// and whatever the process's own configuration is, until the SO forgives.
func TestPINDelay(t *testing.T) {
	k := openUsers(t)
	for _, name := range []string{"bob", "nobody", ""} {
		k.loginUser(name, "wrong", ck.CKR_PIN_INCORRECT)
		k.loginUser(name, "wrong", ck.CKR_PIN_INCORRECT)
		k.loginUser(name, "bob's PIN", ck.CKR_PIN_LOCKED)
	}
	manage(t, "", "user", "unlock", "bob", "-p", "users")
	k.loginUser("bob", "bob's PIN", ck.CKR_OK)
	k.ok("C_Logout", k.h)
	k.loginUser("", userPIN, ck.CKR_PIN_LOCKED)
	manage(t, "", "partition", "set", "users", "--pin-delay", "0")
	k.loginUser("", userPIN, ck.CKR_OK)
	k.ok("C_Logout", k.h)
}
