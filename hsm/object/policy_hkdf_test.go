package object

import "testing"

func TestIsIV(t *testing.T) {
	for _, info := range []string{
		"\x00\x0ctls iv\x00", "\xff\xfftls quic iv\x00", // PKCS #11 Profiles, section 5.6
		"\x00\x0c\x08tls13 iv\x00", "\x00\x0c\x0dtls13 quic iv\x00", "\x00\x0c\x08dtls13iv\x00",
	} {
		if !IsIV([]byte(info)) {
			t.Errorf("%q is not taken", info)
		}
	}
	for _, info := range []string{
		"", "\x00", "\x00\x00", "\x00\x00\x00", "tls iv\x00", "\x00\x0ctls iv", "\x00\x0ctls iv\x01", "\x00\x0ctls ivx\x00", "\x00\x0c\x0ctls iv\x00",
		"\x00\x10\x09tls13 key\x00", "\x00\x0c\x09tls13 iv\x00", "\x00\x0c\x08tls13 iv\x01a", "\x00\x0c\x08tls13 iv\x00\x00",
	} {
		if IsIV([]byte(info)) {
			t.Errorf("%q is taken", info)
		}
	}
}
