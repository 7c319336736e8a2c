package ck

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
)

func TestCode(t *testing.T) {
	wrapped := fmt.Errorf("open: %w", Errorf(CKR_DEVICE_ERROR, "read: %w", fs.ErrNotExist))
	for _, c := range []struct {
		err  error
		want RV
	}{
		{nil, CKR_OK},
		{CKR_PIN_LOCKED, CKR_PIN_LOCKED},
		{wrapped, CKR_DEVICE_ERROR},
		{fs.ErrExist, CKR_GENERAL_ERROR},
	} {
		if got := Code(c.err); got != c.want {
			t.Errorf("Code(%v) = %v, want %v", c.err, got, c.want)
		}
	}
	if !errors.Is(wrapped, fs.ErrNotExist) || !errors.Is(wrapped, CKR_DEVICE_ERROR) {
		t.Error("Errorf loses its cause or its code")
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		got  fmt.Stringer
		want string
	}{
		{CKM_AES_GCM, "CKM_AES_GCM"},
		{MechanismType(0x81234567), "CKM_0x81234567"},
		{CKA_UNIQUE_ID, "CKA_UNIQUE_ID"},
		{RV(CKR_BUFFER_TOO_SMALL), "CKR_BUFFER_TOO_SMALL"},
		{CKS_RW_SO_FUNCTIONS, "CKS_RW_SO_FUNCTIONS"},
	} {
		if c.got.String() != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func TestAttributes(t *testing.T) {
	tmpl := Template{
		Bool(CKA_TOKEN, true),
		Ulong(CKA_CLASS, CKO_SECRET_KEY),
		{Type: CKA_SIGN, Value: []byte{2}},
		{Type: CKA_VALUE_LEN, Value: []byte{1, 2, 3, 4}},
	}
	if v, ok := tmpl.Bool(CKA_TOKEN); !v || !ok {
		t.Error("CKA_TOKEN is not read back")
	}
	if v, ok := tmpl.Ulong(CKA_CLASS); v != uint64(CKO_SECRET_KEY) || !ok {
		t.Error("CKA_CLASS is not read back")
	}
	if _, ok := tmpl.Bool(CKA_SIGN); ok {
		t.Error("2 passes for a CK_BBOOL")
	}
	if _, ok := tmpl.Ulong(CKA_VALUE_LEN); ok {
		t.Error("four bytes pass for a CK_ULONG")
	}
	if _, ok := tmpl.Bool(CKA_PRIVATE); ok {
		t.Error("an absent attribute is found")
	}
}

// A code that is put around an error again is told once; another one is told too.
func TestErrorfTwice(t *testing.T) {
	inner := Errorf(CKR_DEVICE_MEMORY, "log: %w", io.ErrShortWrite)
	for err, want := range map[error]string{
		Errorf(CKR_DEVICE_MEMORY, "slot 1: %w", inner): "slot 1: log: short write (CKR_DEVICE_MEMORY)",
		Errorf(CKR_DEVICE_ERROR, "slot 1: %w", inner):  "slot 1: log: short write (CKR_DEVICE_MEMORY) (CKR_DEVICE_ERROR)",
	} {
		if err.Error() != want || !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%v; want %s", err, want)
		}
	}
}
