package abitest

import (
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"golang.org/x/sys/unix"
)

// badLength is a way to say the length of an output in memory that is not there, or
// cannot be written to.
type badLength struct {
	name   string
	n      uintptr // the pointer
	length bool    // the call asks for the length
}

func (k *token) badLengths() []badLength {
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		k.Fatal(err)
	}
	k.Cleanup(func() { _ = unix.Munmap(page) })
	Words(page).Set(0, 512)
	if err := unix.Mprotect(page, unix.PROT_READ); err != nil {
		k.Fatal(err)
	}
	nowhere := Address(k.Bytes(0, 0))
	return []badLength{
		{"nowhere", nowhere, false},
		{"nowhere, asked for", nowhere, true},
		{"constant", Address(page), false},
		{"constant, asked for", Address(page), true},
	}
}

// TestFaultAtLength has a fault at the length of the output of every operation: it ends
// the operation, as one in the data or in the output does.
func TestFaultAtLength(t *testing.T) {
	k := open(t)
	out, lengths := Address(k.Bytes(512, 0)), k.badLengths()
	for _, c := range outputCases(k) {
		if strings.HasPrefix(c.name, "C_Get") || c.name == "C_WrapKey" {
			continue // no operations
		}
		for _, bad := range lengths {
			to := out
			if bad.length {
				to = 0
			}
			c.prepare()
			if rv := c.call(to, bad.n); rv != ck.CKR_GENERAL_ERROR {
				t.Errorf("%s, %s: %v", c.name, bad.name, rv)
			}
			if rv := c.call(out, Address(k.Ulongs(512))); rv != ck.CKR_OPERATION_NOT_INITIALIZED {
				t.Errorf("%s, %s: then %v", c.name, bad.name, rv)
			}
		}
	}
}

// TestFaultAtLengthDeferred is the same after an Init that was answered without a call
// into Go.
func TestFaultAtLengthDeferred(t *testing.T) {
	k := open(t)
	sha, in, out := k.mechanism(ck.CKM_SHA256, nil), Address(k.Bytes(16, 'p')), Address(k.Bytes(32, 0))
	good := Address(k.Ulongs(32))
	for _, bad := range k.badLengths() {
		for range 3 {
			k.ok("C_DigestInit", k.h, sha)
			k.ok("C_Digest", k.h, in, 16, out, good)
		}
		k.ok("C_DigestInit", k.h, sha)
		k.want(ck.CKR_GENERAL_ERROR, "C_Digest", k.h, in, 16, out, bad.n)
		k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_Digest", k.h, in, 16, out, good)
	}
}

// TestFaultAtLengthOfMessage is the same for messages: a fault ends all of them.
func TestFaultAtLengthOfMessage(t *testing.T) {
	k := open(t)
	text, out := k.Bytes(16, 'p'), k.Bytes(16, 0)
	m := k.messageParams([]byte("twelve bytes"), ck.CKG_NO_GENERATE, 0)
	nowhere := Words(k.Bytes(0, 0))
	for _, fault := range []struct {
		name string
		args []uintptr
	}{
		{"the length", k.message(m, nil, text, out, nowhere)},
		{"the parameter", []uintptr{k.h, Address(nowhere), 48, 0, 0, Address(text), 16, Address(out), Address(k.Ulongs(16))}},
	} {
		k.messageKey()
		k.want(ck.CKR_GENERAL_ERROR, "C_EncryptMessage", fault.args...)
		k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_EncryptMessage", k.message(m, nil, text, out, k.Ulongs(16))...)
		k.want(ck.CKR_GENERAL_ERROR, "C_DecryptMessage", fault.args...)
		k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_DecryptMessage", k.message(m, nil, text, out, k.Ulongs(16))...)
	}
}
