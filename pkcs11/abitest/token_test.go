package abitest

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/pkcs11/rig"
)

// root is the project's folder, seen from this package.
const root = "../.."

const (
	soPIN   = "officer"
	userPIN = "user pin"
)

// token is a library with a token in it, and a session that is logged in. All
// tests share one process-wide library; each gets its own session.
type token struct {
	*testing.T
	*Memory
	lib *Library
	h   uintptr // the session
}

var shared struct {
	once sync.Once
	lib  *Library
	slot uintptr
	err  error

	// What each function answered before C_Initialize.
	uninitialized map[string]ck.RV
}

func TestMain(m *testing.M) {
	if parameters, child := os.LookupEnv(childVariable); child {
		initializeOnly(parameters)
		return
	}
	if _, err := rig.Build(root, "front", "core", "tool"); err != nil {
		panic(err)
	}
	home, err := os.MkdirTemp("", "abitest")
	if err != nil {
		panic(err)
	}
	// A PIN is not what is under test: cheap ones make it fast.
	conf := "[pin]\nargon2-passes = 1\nargon2-memory-kib = 64\n"
	if err := os.WriteFile(filepath.Join(home, "coffer.toml"), []byte(conf), 0o600); err != nil {
		panic(err)
	}
	os.Setenv("COFFER_HOME", home)
	os.Unsetenv("COFFER_CONF")
	code := m.Run()
	os.RemoveAll(home)
	os.Exit(max(code, unlisted()))
}

// built is the path of what `make build` leaves under that name; tests run in their
// package's directory.
func built(name string) string {
	path, err := filepath.Abs(filepath.Join(root, "build", name))
	if err != nil {
		panic(err)
	}
	return path
}

// load loads the library and makes the token, once.
func load() {
	if shared.err = rig.Depend(built(""), rig.Front, rig.Core, rig.Tool); shared.err != nil {
		return
	}
	if shared.lib, shared.err = Load(built(rig.Front)); shared.err != nil {
		return
	}
	shared.lib.Heed = heed
	shared.uninitialized = map[string]ck.RV{}
	for _, f := range readFunctions() {
		if scopes["initialized"](f) {
			shared.uninitialized[f.name] = shared.lib.Call(f.name, make([]uintptr, len(f.params))...)
		}
	}
	m := &Memory{}
	defer m.Free()
	call := func(name string, args ...uintptr) {
		if rv := shared.lib.Call(name, args...); rv != ck.CKR_OK && shared.err == nil {
			shared.err = ck.Errorf(rv, "%s", name)
		}
	}
	call("C_Initialize", 0)
	n := m.Ulongs(8)
	slots := m.Ulongs(make([]uintptr, 8)...)
	call("C_GetSlotList", 1, Address(slots), Address(n))
	shared.slot = uintptr(slots.At(0))
	so, user := m.Copy([]byte(soPIN)), m.Copy([]byte(userPIN))
	label := m.Bytes(32, ' ')
	copy(label, "abitest")
	call("C_InitToken", shared.slot, Address(so), uintptr(len(so)), Address(label))
	h := m.Ulongs(0)
	call("C_OpenSession", shared.slot, uintptr(ck.CKF_SERIAL_SESSION|ck.CKF_RW_SESSION), 0, 0, Address(h))
	call("C_Login", uintptr(h.At(0)), uintptr(ck.CKU_SO), Address(so), uintptr(len(so)))
	call("C_InitPIN", uintptr(h.At(0)), Address(user), uintptr(len(user)))
	call("C_Logout", uintptr(h.At(0)))
	call("C_Login", uintptr(h.At(0)), uintptr(ck.CKU_USER), Address(user), uintptr(len(user)))
}

// open gives a test its session, logged in.
func open(t *testing.T) *token {
	t.Helper()
	shared.once.Do(load)
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	k := &token{T: t, Memory: &Memory{}, lib: shared.lib}
	h := k.Ulongs(0)
	k.ok("C_OpenSession", shared.slot, uintptr(ck.CKF_SERIAL_SESSION|ck.CKF_RW_SESSION), 0, 0, Address(h))
	k.h = uintptr(h.At(0))
	t.Cleanup(func() {
		k.ok("C_CloseSession", k.h)
		k.Free()
	})
	return k
}

func (k *token) call(name string, args ...uintptr) ck.RV { return k.lib.Call(name, args...) }

// ok calls a function that must succeed.
func (k *token) ok(name string, args ...uintptr) {
	k.Helper()
	k.want(ck.CKR_OK, name, args...)
}

// want calls a function and checks its code.
func (k *token) want(rv ck.RV, name string, args ...uintptr) {
	k.Helper()
	if got := k.call(name, args...); got != rv {
		k.Fatalf("%s: %v, want %v", name, got, rv)
	}
}

// mechanism is a CK_MECHANISM.
func (k *token) mechanism(t ck.MechanismType, param []byte) uintptr {
	if len(param) == 0 {
		return Address(k.Ulongs(uintptr(t), 0, 0))
	}
	return Address(k.Ulongs(uintptr(t), Address(k.Copy(param)), uintptr(len(param))))
}

// template is an array of CK_ATTRIBUTE, and its length.
func (k *token) template(attrs ...ck.Attribute) (uintptr, uintptr) {
	w := k.Ulongs(make([]uintptr, 3*len(attrs))...)
	for i, a := range attrs {
		value, n := a.Value, len(a.Value)
		if a.Nested != nil {
			p, count := k.template(a.Nested...)
			w.Set(3*i, uintptr(a.Type))
			w.Set(3*i+1, p)
			w.Set(3*i+2, 24*count)
			continue
		}
		w.Set(3*i, uintptr(a.Type))
		w.Set(3*i+1, Address(k.Copy(value)))
		w.Set(3*i+2, uintptr(n))
	}
	return Address(w), uintptr(len(attrs))
}

// create makes a session object and returns its handle.
func (k *token) create(attrs ...ck.Attribute) uintptr {
	k.Helper()
	h := k.Ulongs(0)
	p, n := k.template(attrs...)
	k.ok("C_CreateObject", k.h, p, n, Address(h))
	return uintptr(h.At(0))
}

// aesKey makes an AES key that can do everything.
func (k *token) aesKey() uintptr {
	k.Helper()
	return k.create(
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES),
		ck.Bytes(ck.CKA_VALUE, []byte("0123456789abcdef")), ck.String(ck.CKA_LABEL, "aes"),
		ck.Bool(ck.CKA_ENCRYPT, true), ck.Bool(ck.CKA_DECRYPT, true), ck.Bool(ck.CKA_SIGN, true), ck.Bool(ck.CKA_VERIFY, true),
		ck.Bool(ck.CKA_WRAP, true), ck.Bool(ck.CKA_UNWRAP, true), ck.Bool(ck.CKA_EXTRACTABLE, true), ck.Bool(ck.CKA_SENSITIVE, false),
	)
}

// rsaKeys makes an RSA key pair of 2048 bits.
func (k *token) rsaKeys() (public, private uintptr) {
	k.Helper()
	pub, nPub := k.template(ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048)), ck.Bytes(ck.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
		ck.Bool(ck.CKA_VERIFY, true), ck.Bool(ck.CKA_ENCRYPT, true), ck.Bool(ck.CKA_VERIFY_RECOVER, true))
	priv, nPriv := k.template(ck.Bool(ck.CKA_SIGN, true), ck.Bool(ck.CKA_DECRYPT, true), ck.Bool(ck.CKA_SIGN_RECOVER, true))
	h := k.Ulongs(0, 0)
	k.ok("C_GenerateKeyPair", k.h, k.mechanism(ck.CKM_RSA_PKCS_KEY_PAIR_GEN, nil), pub, nPub, priv, nPriv, Address(h), Address(h)+8)
	return uintptr(h.At(0)), uintptr(h.At(1))
}
