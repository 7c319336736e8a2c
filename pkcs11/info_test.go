package main

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/slots"
)

// chars is a field of the standard's as text.
func chars(field []cByte) string {
	return string(unsafe.Slice((*byte)(unsafe.Pointer(&field[0])), len(field)))
}

func TestPad(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "        ",
		"abc":                                  "abc     ",
		"abcdefgh":                             "abcdefgh",
		"abcdefghi":                            "abcdefgh",
		"abcdefg\u00e9":                        "abcdefg ", // two bytes, of which one would fit
		"abcdef\u20ac":                         "abcdef  ", // three, of which two would
		"abcdef\u00e9":                         "abcdef\u00e9",
		"\x80\x80\x80\x80\x80\x80\x80\x80\x80": "        ", // no text at all
	} {
		field := make([]cByte, 8)
		pad(field, in)
		if got := chars(field); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestLibraryVersion(t *testing.T) {
	v := libraryVersion()
	if got := fmt.Sprintf("%d.%d.", v.major, v.minor); !strings.HasPrefix(hsm.Version, got) {
		t.Errorf("%s of %s", got, hsm.Version)
	}
	if n := number("256"); n != 0 {
		t.Errorf("256 is %d", n)
	}
}

func TestWriteInfo(t *testing.T) {
	var info cInfo
	writeInfo(&info)
	if info.cryptokiVersion != (cVersion{major: 3, minor: 2}) || info.flags != 0 {
		t.Errorf("version %v, flags %x", info.cryptokiVersion, info.flags)
	}
	if got := chars(info.manufacturerID[:]); got != "Coffer                          " {
		t.Errorf("manufacturer %q", got)
	}
}

func TestWriteTokenInfo(t *testing.T) {
	var c cTokenInfo
	writeTokenInfo(&c, &slots.TokenInfo{
		Label: "token", Manufacturer: "maker", Model: "model", Serial: "0123456789abcdef", Flags: 0x405,
		MaxSessions: 1, Sessions: 2, MaxRWSessions: 3, RWSessions: 4, MaxPIN: 5, MinPIN: 6,
		TotalPublic: 7, FreePublic: 8, TotalPrivate: 9, FreePrivate: 10,
	})
	if c.flags != 0x405 || c.ulMaxSessionCount != 1 || c.ulSessionCount != 2 || c.ulMaxRwSessionCount != 3 ||
		c.ulRwSessionCount != 4 || c.ulMaxPinLen != 5 || c.ulMinPinLen != 6 || c.ulTotalPublicMemory != 7 ||
		c.ulFreePublicMemory != 8 || c.ulTotalPrivateMemory != 9 || c.ulFreePrivateMemory != 10 {
		t.Errorf("%+v", c)
	}
	if chars(c.serialNumber[:]) != "0123456789abcdef" || chars(c.utcTime[:]) != "                " || chars(c.model[:]) != "model           " {
		t.Errorf("%q, %q, %q", chars(c.serialNumber[:]), chars(c.utcTime[:]), chars(c.model[:]))
	}
}
