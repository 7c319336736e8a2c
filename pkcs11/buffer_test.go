package main

import (
	"bytes"
	"errors"
	"testing"
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

func TestInput(t *testing.T) {
	var b [4]cByte
	for _, c := range []struct {
		name string
		p    *cByte
		n    cUlong
		err  error
	}{
		{"four bytes", &b[0], 4, nil},
		{"none", &b[0], 0, nil},
		{"NULL and none", nil, 0, nil},
		{"NULL and one", nil, 1, ck.CKR_ARGUMENTS_BAD},
		{"NULL and unavailable", nil, unavailable, ck.CKR_ARGUMENTS_BAD},
		{"unavailable", &b[0], unavailable, ck.CKR_DATA_LEN_RANGE},
		{"more than a process has", &b[0], maxLength + 1, ck.CKR_DATA_LEN_RANGE},
		{"a negative int", &b[0], 1 << 63, ck.CKR_DATA_LEN_RANGE},
	} {
		got, err := input(c.p, c.n, ck.CKR_DATA_LEN_RANGE)
		if err != c.err || err == nil && len(got) != int(c.n) {
			t.Errorf("%s: %d bytes, %v", c.name, len(got), err)
		}
	}
	if got, _ := input(&b[0], 4, 0); unsafe.Pointer(&got[0]) != unsafe.Pointer(&b[0]) {
		t.Error("the input was copied")
	}
}

func TestOutput(t *testing.T) {
	var b [4]cUlong
	for _, c := range []struct {
		name string
		p    *cUlong
		n    cUlong
		err  error
		null bool
	}{
		{"four", &b[0], 4, nil, false},
		{"a buffer of nothing is no question", &b[0], 0, nil, false},
		{"a question", nil, 4, nil, true},
		{"a question with any length", nil, unavailable, nil, true},
		{"unavailable", &b[0], unavailable, ck.CKR_ARGUMENTS_BAD, true},
		{"elements beyond the address space", &b[0], maxLength/8 + 1, ck.CKR_ARGUMENTS_BAD, true},
	} {
		got, err := output[ck.SlotID](c.p, &c.n)
		if err != c.err || (got == nil) != c.null || !c.null && len(got) != int(c.n) {
			t.Errorf("%s: %v of %d, %v", c.name, got == nil, len(got), err)
		}
	}
	if _, err := output[ck.SlotID](&b[0], nil); err != ck.CKR_ARGUMENTS_BAD {
		t.Errorf("no length: %v", err)
	}
}

func TestTell(t *testing.T) {
	for _, c := range []struct {
		err  error
		want cUlong
	}{
		{nil, 7},
		{ck.CKR_BUFFER_TOO_SMALL, 7},
		{ck.Errorf(ck.CKR_BUFFER_TOO_SMALL, "why"), 7},
		{ck.CKR_DATA_INVALID, 1},
		{errors.New("no code"), 1},
	} {
		n := cUlong(1)
		if rv := tell(&n, 7, c.err); n != c.want || ck.RV(rv) != ck.Code(c.err) {
			t.Errorf("%v: length %d, %v", c.err, n, ck.RV(rv))
		}
	}
}

func TestTangled(t *testing.T) {
	mem := make([]byte, 64)
	for _, c := range []struct {
		name     string
		src, dst []byte
		want     bool
	}{
		{"apart", mem[:16], mem[32:48], false},
		{"side by side", mem[:16], mem[16:32], false},
		{"the same", mem[:16], mem[:16], false},
		{"the same start", mem[:16], mem[:40], false},
		{"output one further", mem[:16], mem[1:17], true},
		{"output one before", mem[1:17], mem[:16], true},
		{"input inside the output", mem[8:10], mem[:16], true},
		{"output inside the input", mem[:16], mem[8:10], true},
		{"no input", mem[8:8], mem[:16], false},
		{"no output", mem[:16], nil, false},
	} {
		if got := tangled(c.src, c.dst); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestUntangle(t *testing.T) {
	src := []byte("plaintext")
	twin, err := untangle(src)
	if err != nil || !bytes.Equal(twin, src) || &twin[0] == &src[0] {
		t.Errorf("%q, %v", twin, err)
	}
	huge := unsafe.Slice(&src[0], maxTangled+1) // never looked at
	if _, err := untangle(huge); err != ck.CKR_HOST_MEMORY {
		t.Errorf("more than the limit: %v", err)
	}
}

func TestCopyBytes(t *testing.T) {
	src := []byte{1, 2, 3}
	got, err := copyBytes(unsafe.Pointer(&src[0]), 3, 3, ck.CKR_DATA_INVALID)
	src[0] = 9
	if err != nil || !bytes.Equal(got, []byte{1, 2, 3}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := copyBytes(nil, 0, 3, ck.CKR_DATA_INVALID); err != nil || got == nil {
		t.Errorf("NULL and none: %v, %v; want empty but not nil", got, err)
	}
	for _, n := range []cUlong{4, unavailable, 1 << 63} {
		if _, err := copyBytes(unsafe.Pointer(&src[0]), n, 3, ck.CKR_DATA_INVALID); err != ck.CKR_DATA_INVALID {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := copyBytes(nil, 1, 3, ck.CKR_DATA_INVALID); err != ck.CKR_DATA_INVALID {
		t.Errorf("NULL and one: %v", err)
	}
}
