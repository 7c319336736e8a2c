package rsa

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"slices"
	"testing"
)

func TestSignPKCS1v15AgainstStandardLibrary(t *testing.T) {
	k := testKeyOf(t, 2048)
	hashes := []crypto.Hash{0, crypto.SHA1, crypto.SHA224, crypto.SHA256, crypto.SHA384, crypto.SHA512,
		crypto.SHA512_224, crypto.SHA512_256, crypto.SHA3_224, crypto.SHA3_256, crypto.SHA3_384, crypto.SHA3_512}
	forEachImplementation(t, k, func(t *testing.T, raw *PrivateKey) {
		for _, h := range hashes {
			digest := []byte("not hashed")
			if h != 0 {
				digest = make([]byte, h.Size())
				rand.Read(digest)
			}
			got, err := raw.SignPKCS1v15(nil, h, digest)
			if err != nil {
				t.Fatal(h, err)
			}
			want, err := rsa.SignPKCS1v15(nil, k, h, digest)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v: another signature (%v)", h, err)
			}
		}
	})
}

func TestEncodePKCS1v15Lengths(t *testing.T) {
	for _, c := range []struct {
		name       string
		size, data int
		h          crypto.Hash
		want       error
	}{
		{"all there is room for", 64, 53, 0, nil},
		{"nothing", 64, 0, 0, nil},
		{"one byte more", 64, 54, 0, ErrLength},
		{"digest that just fits", 62, 32, crypto.SHA256, nil},
		{"digest that does not", 61, 32, crypto.SHA256, ErrLength},
		{"short digest", 128, 31, crypto.SHA256, ErrLength},
		{"hash without a name", 128, 16, crypto.BLAKE2s_256, ErrLength},
	} {
		if err := encodePKCS1v15(make([]byte, c.size), c.h, make([]byte, c.data)); err != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestDecodePKCS1v15 has blocks that are just right and just wrong.
func TestDecodePKCS1v15(t *testing.T) {
	ff := bytes.Repeat([]byte{0xff}, 29)
	for _, c := range []struct {
		name string
		em   []byte
		want []byte // nil if it is refused
	}{
		{"shortest padding", slices.Concat([]byte{0, 2}, ff[:8], []byte{0}, ff[:21]), ff[:21]},
		{"empty message", slices.Concat([]byte{0, 2}, ff[:29], []byte{0}), []byte{}},
		{"zeros in the message", slices.Concat([]byte{0, 2}, ff[:27], []byte{0, 0, 0}), []byte{0, 0}},
		{"padding too short", slices.Concat([]byte{0, 2}, ff[:7], []byte{0}, ff[:22]), nil},
		{"no padding", slices.Concat([]byte{0, 2, 0}, ff[:29]), nil},
		{"no end", slices.Concat([]byte{0, 2}, ff[:29], []byte{1}), nil},
		{"block type 1", slices.Concat([]byte{0, 1}, ff[:8], []byte{0}, ff[:21]), nil},
		{"first byte", slices.Concat([]byte{1, 2}, ff[:8], []byte{0}, ff[:21]), nil},
		{"too short for any", []byte{0, 2, 1, 1, 1, 1, 1, 1, 1, 0}, nil},
	} {
		got, err := decodePKCS1v15(slices.Clone(c.em))
		if (err == nil) != (c.want != nil) || !bytes.Equal(got, c.want) || err != nil && err != ErrDecryption {
			t.Errorf("%s: %x, %v", c.name, got, err)
		}
	}
}

// TestDecodeOAEP damages each part of an encoded message.
func TestDecodeOAEP(t *testing.T) {
	o := OAEP{Hash: sha256.New, MGF: sha1.New, Label: []byte("label")}
	label := sha256.Sum256(o.Label)
	encode := func(first byte, db []byte) []byte {
		em := slices.Concat([]byte{first}, bytes.Repeat([]byte{7}, 32), db)
		xorMGF1(em[33:], em[1:33], o.MGF())
		xorMGF1(em[1:33], em[33:], o.MGF())
		return em
	}
	other := label
	other[31] ^= 1
	for _, c := range []struct {
		name  string
		first byte
		db    []byte
		want  []byte // nil if it is refused
	}{
		{"no padding", 0, slices.Concat(label[:], []byte{1}, []byte("message")), []byte("message")},
		{"padding", 0, slices.Concat(label[:], []byte{0, 0, 1}, []byte("\x01\x00m")), []byte("\x01\x00m")},
		{"empty message", 0, slices.Concat(label[:], []byte{0, 0, 1}), []byte{}},
		{"first byte", 1, slices.Concat(label[:], []byte{0, 0, 1, 5}), nil},
		{"label", 0, slices.Concat(other[:], []byte{0, 0, 1, 5}), nil},
		{"no one", 0, slices.Concat(label[:], []byte{0, 0, 0}), nil},
		{"two instead", 0, slices.Concat(label[:], []byte{0, 0, 2}), nil},
		{"two before", 0, slices.Concat(label[:], []byte{0, 2, 1, 5}), nil},
		{"top bit before", 0, slices.Concat(label[:], []byte{0x80, 0, 1, 5}), nil},
		{"three before", 0, slices.Concat(label[:], []byte{3, 1, 5}), nil},
	} {
		got, err := o.decode(encode(c.first, c.db))
		if (err == nil) != (c.want != nil) || !bytes.Equal(got, c.want) || err != nil && err != ErrDecryption {
			t.Errorf("%s: %x, %v", c.name, got, err)
		}
	}
}

// TestDecryptAgainstStandardLibrary opens what crypto/rsa encrypts, and refuses
// what it has changed.
func TestDecryptAgainstStandardLibrary(t *testing.T) {
	k := testKeyOf(t, 2048)
	forEachImplementation(t, k, func(t *testing.T, raw *PrivateKey) {
		for _, n := range []int{0, 1, 16, 62} {
			msg := bytes.Repeat([]byte{byte(n)}, n)
			o := OAEP{Hash: sha512.New, MGF: sha256.New, Label: msg}
			opts := &rsa.OAEPOptions{Hash: crypto.SHA512, MGFHash: crypto.SHA256, Label: msg}
			sealed, err := rsa.EncryptOAEPWithOptions(rand.Reader, &k.PublicKey, msg, opts)
			if err != nil {
				t.Fatal(err)
			}
			padded, err := rsa.EncryptPKCS1v15(rand.Reader, &k.PublicKey, msg)
			if err != nil {
				t.Fatal(err)
			}
			for name, open := range map[string]func(flip byte) ([]byte, error){
				"OAEP":     func(flip byte) ([]byte, error) { sealed[9] ^= flip; return o.Decrypt(raw, sealed) },
				"PKCS1v15": func(flip byte) ([]byte, error) { padded[9] ^= flip; return raw.DecryptPKCS1v15(padded) },
			} {
				if got, err := open(0); err != nil || !bytes.Equal(got, msg) {
					t.Errorf("%s, %d bytes: %x, %v", name, n, got, err)
				}
				if _, err := open(1); err != ErrDecryption {
					t.Errorf("%s, %d bytes, changed: %v", name, n, err)
				}
			}
		}
	})
}

func TestDecryptRefuses(t *testing.T) {
	_, raw := generate(t, 1024)
	o := OAEP{Hash: sha256.New, MGF: sha256.New}
	for name, c := range map[string][]byte{
		"short":        make([]byte, 127),
		"long":         make([]byte, 129),
		"past modulus": bytes.Repeat([]byte{0xff}, 128),
	} {
		if _, err := raw.DecryptPKCS1v15(c); err != ErrDecryption {
			t.Errorf("PKCS #1 v1.5, %s: %v", name, err)
		}
		if _, err := o.Decrypt(raw, c); err != ErrDecryption {
			t.Errorf("OAEP, %s: %v", name, err)
		}
	}
	wide := OAEP{Hash: sha512.New, MGF: sha1.New} // takes 130 bytes of 128
	if _, err := wide.Decrypt(raw, make([]byte, 128)); err != ErrDecryption {
		t.Errorf("no room: %v", err)
	}
	if raw.private.zero(); raw.Accelerated() {
		if _, err := raw.DecryptPKCS1v15(bytes.Repeat([]byte{1}, 128)); err != errFault {
			t.Errorf("wiped: %v", err)
		}
	}
	if _, err := raw.SignPKCS1v15(nil, crypto.SHA256, nil); err != ErrLength {
		t.Errorf("no digest: %v", err)
	}
}
