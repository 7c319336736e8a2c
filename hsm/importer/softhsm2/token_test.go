package softhsm2

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/importer/importertest"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

const module = "/usr/lib/softhsm/libsofthsm2.so"

// softHSM is a directory of tokens that the real programs write.
type softHSM struct {
	t      testing.TB
	tokens string
}

func newSoftHSM(t testing.TB) *softHSM {
	t.Helper()
	dir := t.TempDir()
	s := &softHSM{t, filepath.Join(dir, "tokens")}
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.Mkdir(s.tokens, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+s.tokens+"\nobjectstore.backend = file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if tt, ok := t.(*testing.T); ok {
		tt.Setenv("SOFTHSM2_CONF", conf)
	}
	s.token("web")
	return s
}

func (s *softHSM) token(label string) {
	s.t.Helper()
	importertest.Run(s.t, "softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", "1234")
}

// tool runs pkcs11-tool as the user of the token web.
func (s *softHSM) tool(args ...string) []byte {
	s.t.Helper()
	return importertest.Run(s.t, "pkcs11-tool", append([]string{"--module", module, "--token-label", "web", "--login", "--pin", "1234"}, args...)...)
}

// only returns the one token there is.
func (s *softHSM) only() Token {
	s.t.Helper()
	tokens, err := Tokens(s.tokens)
	if err != nil || len(tokens) != 1 {
		s.t.Fatalf("%d tokens: %v", len(tokens), err)
	}
	return tokens[0]
}

func read(t testing.TB, k Token, pin string) *importer.Source {
	t.Helper()
	p := secret.From([]byte(pin))
	defer p.Zero()
	s, err := k.Read(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Wipe)
	return s
}

// TestEverything: every kind of object that the real programs put into a token comes
// over, with label, ID and flags, and the keys sign what the old public keys verify.
func TestEverything(t *testing.T) {
	h := newSoftHSM(t)
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	rsa := importertest.PublicKey(t, file("rsa.pem"), "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
	ec := importertest.PublicKey(t, file("ec.pem"), "EC", "-pkeyopt", "ec_paramgen_curve:P-384")
	for _, name := range []string{"rsa", "ec"} {
		importertest.Run(t, "softhsm2-util", "--import", file(name+".pem"), "--token", "web", "--label", name, "--id", "0"+map[string]string{"rsa": "1", "ec": "2"}[name], "--pin", "1234")
	}
	h.tool("--keypairgen", "--key-type", "EC:edwards25519", "--label", "ed", "--id", "03")
	h.tool("--keygen", "--key-type", "AES:32", "--label", "aes", "--id", "04", "--sensitive", "--private")
	h.tool("--keygen", "--key-type", "GENERIC:20", "--label", "mac", "--id", "05", "--extractable", "--private")
	importertest.Run(t, "openssl", "req", "-x509", "-key", file("rsa.pem"), "-subj", "/CN=web", "-days", "9", "-outform", "DER", "-out", file("web.der"))
	h.tool("--write-object", file("web.der"), "--type", "cert", "--label", "crt", "--id", "01")
	h.tool("--write-object", file("rsa.pem"), "--type", "data", "--label", "note", "--application-label", "app", "--private")

	k := h.only()
	if k.Label != "web" || len(k.Serial) != 16 {
		t.Errorf("label %q, serial number %q", k.Label, k.Serial)
	}
	g := importertest.New(t)
	plan := g.Import(read(t, k, "1234"))
	if n := plan.Count(importer.Comes); n != 10 || g.Objects() != n {
		t.Errorf("%d objects came, %d are there: %+v", n, g.Objects(), plan.Steps)
	}
	g.Signs("rsa", rsa)
	g.Signs("ec", ec)
	var point []byte
	if _, err := asn1.Unmarshal(g.Attribute(g.Find(ck.CKO_PUBLIC_KEY, "ed"), ck.CKA_EC_POINT), &point); err != nil {
		t.Fatal(err)
	}
	g.Signs("ed", ed25519.PublicKey(point))
	checkFlags(t, g)

	cert := g.Attribute(g.Find(ck.CKO_CERTIFICATE, "crt"), ck.CKA_VALUE)
	if c, err := x509.ParseCertificate(cert); err != nil || c.Subject.CommonName != "web" {
		t.Errorf("the certificate: %v", err)
	}
	note := g.Attribute(g.Find(ck.CKO_DATA, "note"), ck.CKA_VALUE)
	if want, _ := os.ReadFile(file("rsa.pem")); !bytes.Equal(note, want) {
		t.Error("the data is not what it was")
	}

	again := g.Import(read(t, k, "1234"))
	if n := again.Count(importer.There); n != 10 || g.Objects() != n {
		t.Errorf("the second time: %d are there already, %d in all: %+v", n, g.Objects(), again.Steps)
	}
}

// checkFlags: what a key was kept by, it is kept by; where it was is told truthfully.
func checkFlags(t *testing.T, g *importertest.Target) {
	for _, c := range []struct {
		label                          string
		class                          ck.ObjectClass
		id                             string
		sensitive, extractable, derive bool
	}{
		{"rsa", ck.CKO_PRIVATE_KEY, "\x01", true, false, false},
		{"ec", ck.CKO_PRIVATE_KEY, "\x02", true, false, true},
		{"ed", ck.CKO_PRIVATE_KEY, "\x03", true, false, true},
		{"aes", ck.CKO_SECRET_KEY, "\x04", true, false, false},
		{"mac", ck.CKO_SECRET_KEY, "\x05", false, true, false},
	} {
		id := g.Find(c.class, c.label)
		if got := string(g.Attribute(id, ck.CKA_ID)); got != c.id {
			t.Errorf("%s: ID %x", c.label, got)
		}
		for a, want := range map[ck.AttributeType]bool{
			ck.CKA_SENSITIVE: c.sensitive, ck.CKA_EXTRACTABLE: c.extractable, ck.CKA_PRIVATE: true,
			ck.CKA_LOCAL: false, ck.CKA_ALWAYS_SENSITIVE: false, ck.CKA_NEVER_EXTRACTABLE: false,
		} {
			if g.Bool(id, a) != want {
				t.Errorf("%s: %v is %v", c.label, a, !want)
			}
		}
	}
}

// TestWrongPIN, and other ways not to get in: named, and nothing is read.
func TestWrongPIN(t *testing.T) {
	h := newSoftHSM(t)
	k := h.only()
	for _, pin := range []string{"", "12345", "12345678", strings.Repeat("9", 255)} {
		p := secret.From([]byte(pin))
		if s, err := k.Read(p); !errors.Is(err, importer.ErrPassword) || s != nil {
			t.Errorf("PIN %q: %v", pin, err)
		}
		p.Zero()
	}
	importertest.Run(t, "pkcs11-tool", "--module", module, "--init-token", "--slot-index", "1", "--so-pin", "12345678", "--label", "no user")
	tokens, err := Tokens(h.tokens)
	if err != nil || len(tokens) != 2 {
		t.Fatalf("%d tokens: %v", len(tokens), err)
	}
	for _, k := range tokens {
		if k.Label != "no user" {
			continue
		}
		if _, err := k.Read(nil); !errors.Is(err, importer.ErrUnsupported) {
			t.Errorf("a token without a user PIN: %v", err)
		}
	}
}

// TestDamage cuts object files off at every byte, and puts the greatest numbers at
// every place: an object is whole, or it is named among the Left; nothing hangs, and
// no length makes memory.
func TestDamage(t *testing.T) {
	h := newSoftHSM(t)
	h.tool("--keygen", "--key-type", "AES:16", "--label", "aes", "--id", "04")
	k := h.only()
	objects, _ := filepath.Glob(filepath.Join(k.Dir, "*-*.object"))
	if len(objects) != 1 {
		t.Fatalf("%d objects", len(objects))
	}
	whole, err := os.ReadFile(objects[0])
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, b []byte) {
		if err := os.WriteFile(objects[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
		s := read(t, k, "1234")
		if len(s.Objects)+len(s.Left) != 1 {
			t.Errorf("%s: %d objects, %d left", what, len(s.Objects), len(s.Left))
		}
	}
	for n := range whole {
		try("cut off", whole[:n])
		huge := bytes.Clone(whole)
		copy(huge[n:], bytes.Repeat([]byte{0xff}, 8))
		try("huge", huge)
	}
	if err := os.Truncate(filepath.Join(k.Dir, tokenName), 100); err != nil {
		t.Fatal(err)
	}
	if _, err := Tokens(h.tokens); !errors.Is(err, importer.ErrFormat) {
		t.Errorf("a token that is cut off: %v", err)
	}
}

func TestConfig(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("# directories.tokendir = /no\nlog.level = INFO\n directories.tokendir=  /tokens \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := TokenDir(Configs(conf, dir)); got != "/tokens" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := TokenDir([]string{filepath.Join(dir, "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := os.WriteFile(conf, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := TokenDir([]string{conf}); !errors.Is(err, importer.ErrFormat) {
		t.Error(err)
	}
}
