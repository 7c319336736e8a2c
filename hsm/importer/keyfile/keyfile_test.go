package keyfile

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/importer/importertest"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

func answer(password string) Password {
	return func() (*secret.Bytes, error) { return secret.From([]byte(password)), nil }
}

// nobody is a Password for files that have none.
func nobody() (*secret.Bytes, error) { return nil, errors.New("nobody is to be asked") }

// algorithms are what openssl genpkey makes.
var algorithms = map[string][]string{
	"rsa":     {"RSA", "-pkeyopt", "rsa_keygen_bits:2048"},
	"ec":      {"EC", "-pkeyopt", "ec_paramgen_curve:P-256"},
	"ed25519": {"ED25519"},
}

// form is a file that openssl makes of key.pem and crt.pem.
type form struct {
	name     string
	args     string // FILE stands for what is written
	password bool
	objects  int
	not      string // an algorithm that has no such form
}

var forms = []form{
	{"plain.pem", "pkey -in key.pem -out FILE", false, 2, ""},
	{"plain.der", "pkey -in key.pem -outform DER -out FILE", false, 2, ""},
	{"old.pem", "pkey -in key.pem -traditional -out FILE", false, 2, "ed25519"},
	{"oldpw.pem", "pkey -in key.pem -traditional -aes256 -passout pass:open -out FILE", true, 2, "ed25519"},
	{"pbkdf2.pem", "pkcs8 -topk8 -in key.pem -passout pass:open -out FILE", true, 2, ""},
	{"sha1.der", "pkcs8 -topk8 -in key.pem -outform DER -v2 aes-128-cbc -v2prf hmacWithSHA1 -passout pass:open -out FILE", true, 2, ""},
	{"des3.pem", "pkcs8 -topk8 -in key.pem -v2 des3 -v2prf hmacWithSHA512 -passout pass:open -out FILE", true, 2, ""},
	{"scrypt.pem", "pkcs8 -topk8 -in key.pem -scrypt -passout pass:open -out FILE", true, 2, ""},
	{"new.p12", "pkcs12 -export -inkey key.pem -in crt.pem -passout pass:open -out FILE", true, 3, ""},
	{"old.p12", "pkcs12 -export -legacy -inkey key.pem -in crt.pem -passout pass:open -out FILE", true, 3, ""},
	{"crt.der", "x509 -in crt.pem -outform DER -out FILE", false, 1, ""},
}

func (f form) read(path string, o Options, p Password) (*importer.Source, error) {
	if strings.HasSuffix(path, ".p12") {
		return ReadPKCS12(path, o, p)
	}
	return ReadPEM(path, o, p)
}

// TestForms: every form of a key signs what openssl's public key verifies, a wrong
// password and a file that is cut off anywhere are named.
func TestForms(t *testing.T) {
	for name, algorithm := range algorithms {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			pub := importertest.PublicKey(t, "key.pem", algorithm...)
			importertest.Run(t, "openssl", "req", "-x509", "-key", "key.pem", "-subj", "/CN=web", "-days", "9", "-out", "crt.pem")
			for _, f := range forms {
				if f.not == name {
					continue
				}
				importertest.Run(t, "openssl", strings.Fields(strings.ReplaceAll(f.args, "FILE", f.name))...)
				g := importertest.New(t)
				ask := Password(nobody)
				if f.password {
					ask = answer("open")
				}
				s, err := f.read(f.name, Options{Label: "web"}, ask)
				if err != nil {
					t.Errorf("%s: %v", f.name, err)
					continue
				}
				g.Import(s)
				s.Wipe()
				if g.Objects() != f.objects {
					t.Errorf("%s: %d objects", f.name, g.Objects())
				}
				if f.objects > 1 {
					g.Signs("web", pub)
				}
				f.refuses(t)
			}
		})
	}
}

// refuses reads the file with a wrong password and in parts.
func (f form) refuses(t *testing.T) {
	if f.password {
		if _, err := f.read(f.name, Options{}, answer("shut")); !errors.Is(err, importer.ErrPassword) {
			t.Errorf("%s with a wrong password: %v", f.name, err)
		}
	}
	whole, err := os.ReadFile(f.name)
	if err != nil {
		t.Fatal(err)
	}
	part := "part" + filepath.Ext(f.name)
	for n := 0; n < len(whole)-30; n += 1 + len(whole)/40 {
		if err := os.WriteFile(part, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := f.read(part, Options{}, answer("open")); !errors.Is(err, importer.ErrFormat) && !errors.Is(err, importer.ErrPassword) {
			t.Errorf("%d bytes of %s: %v", n, f.name, err)
		}
	}
}

// TestOldPadding: some wrong passwords fit the padding of a block that is sealed as in RFC
// 1423, which has nothing else to tell them by. They are wrong passwords all the same.
func TestOldPadding(t *testing.T) {
	t.Chdir(t.TempDir())
	importertest.PublicKey(t, "key.pem", algorithms["ec"]...)
	importertest.Run(t, "openssl", "pkey", "-in", "key.pem", "-traditional", "-aes256", "-passout", "pass:open", "-out", "sealed.pem")
	text, err := os.ReadFile("sealed.pem")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	fits := 0
	for n := 0; fits < 3 && n < 10_000; n++ {
		wrong := strconv.Itoa(n)
		if _, err := x509.DecryptPEMBlock(block, []byte(wrong)); err != nil { //nolint:staticcheck // as in openLegacy
			continue
		}
		fits++
		if _, err := ReadPEM("sealed.pem", Options{}, answer(wrong)); !errors.Is(err, importer.ErrPassword) {
			t.Errorf("password %s: %v", wrong, err)
		}
	}
	if fits == 0 {
		t.Error("no wrong password fits")
	}
}

// TestNames: labels and IDs of a key, its public half and its certificate agree, and
// come from where they are to come from.
func TestNames(t *testing.T) {
	t.Chdir(t.TempDir())
	importertest.PublicKey(t, "web.pem", algorithms["ec"]...)
	importertest.Run(t, "openssl", "req", "-x509", "-key", "web.pem", "-subj", "/CN=subject", "-days", "9", "-out", "crt.pem")
	importertest.Run(t, "openssl", "pkcs12", "-export", "-inkey", "web.pem", "-in", "crt.pem", "-name", "friendly", "-passout", "pass:open", "-out", "web.p12")
	key, _ := os.ReadFile("web.pem")
	crt, _ := os.ReadFile("crt.pem")
	if err := os.WriteFile("both.pem", append(crt, key...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file  string
		o     Options
		label string
		id    []byte // nil: 20 bytes
	}{
		{"web.pem", Options{}, "web", nil},
		{"both.pem", Options{Label: "mine", ID: []byte{1, 2}}, "mine", []byte{1, 2}},
		{"web.p12", Options{}, "friendly", nil},
		{"web.p12", Options{Label: "mine"}, "mine", nil},
		{"crt.pem", Options{Label: "mine", ID: []byte{9}}, "mine", []byte{9}},
	} {
		s, err := form{}.read(c.file, c.o, answer("open"))
		if err != nil {
			t.Fatal(err)
		}
		first := s.Objects[0].Value(ck.CKA_ID)
		for _, o := range s.Objects {
			id := o.Value(ck.CKA_ID)
			if string(o.Value(ck.CKA_LABEL)) != c.label || !bytes.Equal(id, first) || c.id == nil && len(id) != 20 || c.id != nil && !bytes.Equal(id, c.id) {
				t.Errorf("%s: %v is called %q, ID %x", c.file, o.Class(), o.Value(ck.CKA_LABEL), id)
			}
		}
	}
}

// TestUses: what Options ask for is what the key is for, and no more.
func TestUses(t *testing.T) {
	t.Chdir(t.TempDir())
	importertest.PublicKey(t, "web.pem", algorithms["rsa"]...)
	s, err := ReadPEM("web.pem", Options{Private: []ck.AttributeType{ck.CKA_SIGN}, Public: []ck.AttributeType{ck.CKA_VERIFY}, Extractable: true}, nobody)
	if err != nil {
		t.Fatal(err)
	}
	g := importertest.New(t)
	g.Import(s)
	private, public := g.Find(ck.CKO_PRIVATE_KEY, "web"), g.Find(ck.CKO_PUBLIC_KEY, "web")
	if !g.Bool(private, ck.CKA_SIGN) || g.Bool(private, ck.CKA_DECRYPT) || !g.Bool(private, ck.CKA_EXTRACTABLE) || !g.Bool(private, ck.CKA_SENSITIVE) {
		t.Error("the private key")
	}
	if !g.Bool(public, ck.CKA_VERIFY) || g.Bool(public, ck.CKA_ENCRYPT) {
		t.Error("the public key")
	}
}

func TestAES(t *testing.T) {
	t.Chdir(t.TempDir())
	raw := []byte("0123456789abcde\x00")
	for text, want := range map[string][]byte{
		string(raw):                            raw,
		"303132 3334 3536373839616263646500\n": raw,
		"00112233445566778899aabbccddeeff":     {0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff},
		strings.Repeat("\xff", 24):             bytes.Repeat([]byte{0xff}, 24),
		"":                                     nil, "short": nil, strings.Repeat("0", 30): nil, strings.Repeat("x", 33): nil, strings.Repeat("0", 65): nil,
	} {
		if err := os.WriteFile("disk.key", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := ReadAES("disk.key", Options{})
		if want == nil {
			if !errors.Is(err, importer.ErrFormat) {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if err != nil || !bytes.Equal(s.Objects[0].Value(ck.CKA_VALUE), want) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		g := importertest.New(t)
		g.Import(s)
		id := g.Find(ck.CKO_SECRET_KEY, "disk")
		if len(g.Attribute(id, ck.CKA_ID)) != idSize || g.Attribute(id, ck.CKA_VALUE) != nil {
			t.Errorf("%q: the key can be read, or has no ID", text)
		}
	}
}
