package aes

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/crypto/gcm"
	"github.com/coffer-hsm/coffer/testvectors/cavp"
)

// TestCAVP runs NIST's known answers and multi-block messages on every implementation,
// and says how many there were.
func TestCAVP(t *testing.T) {
	for _, tt := range []struct {
		files, mark string
		cases       int // in all files together, see ofBytes
		run         func(t *testing.T, impl implementation, c known)
	}{
		{"ciphers/AES/ECB/ECB*.rsp", "key", 2138, cavpECB},
		{"ciphers/AES/CBC/CBC*.rsp", "key", 2138, cavpCBC},
		{"ciphers/AES/CTR/aes-*-ctr.txt", "key", 9, cavpCTR}, // RFC 3686
		{"ciphers/AES/GCM/gcm*.rsp", "key", 47250, cavpGCM},
		{"ciphers/AES/XTS/*/XTSGen*.rsp", "key", 2800, func(t *testing.T, impl implementation, c known) { cavpXTS(t, impl, c.(*cavp.Case)) }},
	} {
		t.Run(strings.Split(tt.files, "/")[2], func(t *testing.T) {
			cases := cavpCases(t, tt.files, tt.mark)
			if len(cases) != tt.cases {
				t.Errorf("%d cases, want %d", len(cases), tt.cases)
			}
			forEach(t, func(t *testing.T, impl implementation) {
				for _, c := range cases {
					tt.run(t, impl, c)
				}
				t.Logf("%d cases", len(cases))
			})
		})
	}
}

func cavpCases(t *testing.T, pattern, mark string) (cases []*cavp.Case) {
	t.Helper()
	names, err := cavp.Names(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := cavp.Load(name, mark)
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, slices.DeleteFunc(f.Cases, func(c *cavp.Case) bool { return !ofBytes(c) })...)
	}
	return cases
}

// ofBytes reports whether a case has a form here: some data units of XTS end within a
// byte.
func ofBytes(c *cavp.Case) bool {
	return c.Text("dataunitlen") == "" || c.Int("dataunitlen")%8 == 0
}

// known is a test of NIST's, with the names that CAVP has for its fields.
type known interface {
	Bytes(name string) []byte
	Passes() bool
	String() string
}

// cavpMode holds what a mode makes of one side of a case to the other.
func cavpMode(t *testing.T, c known, from, to string, crypt func(dst, src []byte)) {
	t.Helper()
	src, want := c.Bytes(from), c.Bytes(to)
	got := make([]byte, len(src))
	if crypt(got, src); !bytes.Equal(got, want) {
		t.Errorf("%s: %x, want %x", c, got, want)
	}
}

func cavpECB(t *testing.T, impl implementation, c known) {
	p := newPair(t, impl, c.Bytes("key"))
	cavpMode(t, c, "plaintext", "ciphertext", p.ECBEncrypter().CryptBlocks)
	cavpMode(t, c, "ciphertext", "plaintext", p.ECBDecrypter().CryptBlocks)
}

func cavpCBC(t *testing.T, impl implementation, c known) {
	p, iv := newPair(t, impl, c.Bytes("key")), [16]byte(c.Bytes("iv"))
	cavpMode(t, c, "plaintext", "ciphertext", p.CBCEncrypter(&iv).CryptBlocks)
	cavpMode(t, c, "ciphertext", "plaintext", p.CBCDecrypter(&iv).CryptBlocks)
}

func cavpCTR(t *testing.T, impl implementation, c known) {
	p, iv := newPair(t, impl, c.Bytes("key")), [16]byte(c.Bytes("iv"))
	cavpMode(t, c, "plaintext", "ciphertext", p.CTR(&iv).XORKeyStream)
	cavpMode(t, c, "ciphertext", "plaintext", p.CTR(&iv).XORKeyStream)
}

func cavpGCM(t *testing.T, impl implementation, c known) {
	p := newPair(t, impl, c.Bytes("key"))
	iv, aad, tag := c.Bytes("iv"), c.Bytes("aad"), c.Bytes("tag")
	if !gcm.ValidSizes(len(iv), len(tag)) {
		t.Errorf("%s: IV of %d and tag of %d bytes", c, len(iv), len(tag))
		return
	}
	aead, err := p.GCM(len(iv), len(tag))
	if err != nil {
		t.Fatal(err)
	}
	sealed := append(c.Bytes("ct"), tag...)
	plain, err := aead.Open(nil, iv, sealed, aad)
	if (err == nil) != c.Passes() {
		t.Errorf("%s: %v", c, err)
	}
	if !c.Passes() {
		return
	}
	if !bytes.Equal(plain, c.Bytes("pt")) {
		t.Errorf("%s: opened to %x", c, plain)
	}
	if got := aead.Seal(nil, iv, plain, aad); !bytes.Equal(got, sealed) {
		t.Errorf("%s: sealed to %x", c, got)
	}
	parts, err := p.NewGCMEncrypter(iv, aad, len(tag))
	if err != nil {
		t.Fatal(err)
	}
	cavpMode(t, c, "pt", "ct", func(dst, src []byte) {
		half := len(src) / 2
		parts.Encrypt(dst[:half], src[:half])
		parts.Encrypt(dst[half:], src[half:])
	})
	if got := parts.Tag(); !bytes.Equal(got, tag) {
		t.Errorf("%s: tag %x in parts", c, got)
	}
}

// cavpXTS runs a data unit of XTS, whose number is either hex or decimal.
func cavpXTS(t *testing.T, impl implementation, c *cavp.Case) {
	var number [blockSize]byte
	if c.Has("i") {
		number = [blockSize]byte(c.Bytes("i"))
	} else {
		binary.LittleEndian.PutUint64(number[:], uint64(c.Int("dataunitseqnumber")))
	}
	key := c.Bytes("key")
	x := &XTS{newPair(t, impl, key[:len(key)/2]).Key, newPair(t, impl, key[len(key)/2:]).modes}
	for _, way := range []struct {
		from, to string
		decrypt  bool
	}{{"pt", "ct", false}, {"ct", "pt", true}} {
		u := x.Unit(&number, way.decrypt)
		cavpMode(t, c, way.from, way.to, u.Last)
	}
}
