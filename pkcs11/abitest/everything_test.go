package abitest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// function is one of the standard's, with its parameters.
type function struct {
	name   string
	params []string
}

// functions is the list that the front is made from.
func functions(t *testing.T) []function {
	t.Helper()
	all := readFunctions()
	if len(all) < 90 {
		t.Fatalf("%d functions", len(all))
	}
	return all
}

func readFunctions() []function {
	text, err := os.ReadFile(filepath.Join("..", "front", "functions.h"))
	if err != nil {
		panic(err)
	}
	var all []function
	for _, m := range regexp.MustCompile(`(?m)^FN\((C_\w+), \w+, \(([^)]*)\)`).FindAllStringSubmatch(string(text), -1) {
		all = append(all, function{m[1], strings.Split(m[2], ", ")})
	}
	return all
}

// args are as many arguments as f has: of the named type what values has, else rest.
func (f function) args(values map[string]uintptr, rest uintptr) []uintptr {
	var args []uintptr
	for _, p := range f.params {
		kind, _, _ := strings.Cut(p, " ")
		v, ok := values[kind]
		if !ok {
			v = rest
		}
		args = append(args, v)
	}
	return args
}

// notHere are the functions that the tests below must not call: they end or
// start the library for all tests.
var notHere = map[string]bool{"C_Initialize": true, "C_Finalize": true, "C_CloseAllSessions": true, "C_CloseSession": true, "C_Logout": true}

// TestNullEverywhere calls all functions of 3.2 with a session that exists and
// nothing else, and again with a count of one wherever there is a number.
func TestNullEverywhere(t *testing.T) {
	k := open(t)
	for _, f := range functions(t) {
		if notHere[f.name] {
			continue
		}
		for _, count := range []uintptr{0, 1} {
			rv := k.call(f.name, f.args(map[string]uintptr{"CK_SESSION_HANDLE": k.h, "CK_ULONG": count, "CK_SLOT_ID": shared.slot}, 0)...)
			if rv == ck.CKR_GENERAL_ERROR {
				t.Errorf("%s with counts of %d: %v", f.name, count, rv)
			}
		}
	}
}

// TestBadSession calls all functions with sessions that do not exist.
func TestBadSession(t *testing.T) {
	k := open(t)
	for _, f := range functions(t) {
		if f.params[0] != "CK_SESSION_HANDLE hSession" {
			continue
		}
		for _, h := range []uintptr{0, 1, k.h + 1, k.h ^ 1<<40, 1 << 63, uintptr(ck.CK_UNAVAILABLE_INFORMATION)} {
			rv := k.call(f.name, f.args(map[string]uintptr{"CK_SESSION_HANDLE": h}, 0)...)
			if rv != ck.CKR_SESSION_HANDLE_INVALID && rv != ck.CKR_FUNCTION_NOT_SUPPORTED {
				t.Errorf("%s with session %#x: %v", f.name, h, rv)
			}
		}
	}
}

// TestWildCounts calls all functions with memory of one page behind every
// pointer and a number that cannot be in every place for one.
func TestWildCounts(t *testing.T) {
	k := open(t)
	for _, f := range functions(t) {
		if notHere[f.name] || strings.HasPrefix(f.name, "C_GetInterface") || f.name == "C_GetFunctionList" || f.name == "C_InitToken" {
			continue
		}
		for _, count := range []uintptr{1 << 48, 1 << 63, uintptr(ck.CK_UNAVAILABLE_INFORMATION)} {
			values := map[string]uintptr{"CK_SESSION_HANDLE": k.h, "CK_SLOT_ID": shared.slot,
				"CK_ULONG": count, "CK_FLAGS": 0, "CK_OBJECT_HANDLE": 1, "CK_MECHANISM_TYPE": 1, "CK_USER_TYPE": 1}
			rv := k.call(f.name, f.args(values, Address(k.Bytes(4096, 0)))...)
			if rv == ck.CKR_GENERAL_ERROR {
				t.Errorf("%s with counts of %#x: %v", f.name, count, rv)
			}
		}
	}
}

func TestInfo(t *testing.T) {
	k := open(t)
	info := k.Bytes(88, 0xEE)
	k.ok("C_GetInfo", Address(info))
	if info[0] != 3 || info[1] != 2 || !strings.HasPrefix(string(info[2:34]), "Coffer   ") {
		t.Errorf("CK_INFO %q", info)
	}
	token := k.Bytes(208, 0xEE)
	k.ok("C_GetTokenInfo", shared.slot, Address(token))
	if got := string(token[:32]); got != "abitest                         " {
		t.Errorf("label %q", got)
	}
	if got := string(token[188:204]); got != strings.Repeat(" ", 16) {
		t.Errorf("utcTime %q", got)
	}
	k.ok("C_GetSlotInfo", shared.slot, Address(k.Bytes(112, 0xEE)))
	k.ok("C_GetSessionInfo", k.h, Address(k.Bytes(32, 0xEE)))
	k.ok("C_GetMechanismInfo", shared.slot, uintptr(ck.CKM_AES_GCM), Address(k.Bytes(24, 0xEE)))
}
