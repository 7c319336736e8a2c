package field

import (
	"bytes"
	"strings"
	"testing"
)

func TestHex(t *testing.T) {
	for digits, want := range map[string][]byte{"": {}, "00ff": {0, 255}, "abc": {0x0a, 0xbc}} {
		if got := Hex("file", "Key", digits); !bytes.Equal(got, want) {
			t.Errorf("%q: %x", digits, got)
		}
	}
}

func TestInt(t *testing.T) {
	if n := Int("file", "Len", "128"); n != 128 {
		t.Error(n)
	}
}

// TestFaults: what cannot be read says where it stands.
func TestFaults(t *testing.T) {
	for name, read := range map[string]func(){
		"Key": func() { Hex("file 7", "Key", "0x11") },
		"Len": func() { Int("file 7", "Len", "") },
	} {
		func() {
			defer func() {
				if said, _ := recover().(string); !strings.HasPrefix(said, "file 7: "+name+": ") {
					t.Errorf("%s: it says %q", name, said)
				}
			}()
			read()
		}()
	}
}
