package softhsm2

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/importer/importertest"
)

// realDatabase imports the token that a SoftHSM2 with SQLite wrote
// (testdata/db/README.md).
func realDatabase(t *testing.T) *importertest.Target {
	t.Helper()
	tokens, err := Tokens(filepath.Join("testdata", "db", "tokens"))
	if err != nil || len(tokens) != 1 || tokens[0].Label != "db token" || !tokens[0].database {
		t.Fatalf("%+v, %v", tokens, err)
	}
	g := importertest.New(t)
	plan := g.Rehearse(read(t, tokens[0], "1234"))
	for _, s := range plan.Steps {
		if (s.Fate == importer.Cannot) != (s.Label == "des3") {
			t.Errorf("%s %q: %s, %s", s.Class, s.Label, s.Fate, s.Why)
		}
	}
	if err := plan.Write(); err != nil {
		t.Fatal(err)
	}
	if n := plan.Count(importer.Comes); n != 22 || g.Objects() != n {
		t.Errorf("%d objects came, %d are there", n, g.Objects())
	}
	return g
}

// TestRealDatabase: every key in a database that SoftHSM2 itself wrote works as it did
// there, and what it said of its objects it still says.
func TestRealDatabase(t *testing.T) {
	g := realDatabase(t)
	for _, name := range []string{"rsa", "ec", "ed", "rsa2", "ec2", "ed2"} {
		pub := publicFile(t, name)
		g.Signs(name, pub)
		der, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		for _, class := range []ck.ObjectClass{ck.CKO_PUBLIC_KEY, ck.CKO_PRIVATE_KEY} {
			if got := g.Attribute(g.Find(class, name), ck.CKA_PUBLIC_KEY_INFO); !bytes.Equal(got, der) {
				t.Errorf("%v %s: the public key is %x", class, name, got)
			}
		}
	}
	checkSecrets(t, g)
	checkAttributes(t, g)
	crt, err := x509.ParseCertificate(g.Attribute(g.Find(ck.CKO_CERTIFICATE, "crt"), ck.CKA_VALUE))
	if err != nil || crt.Subject.CommonName != "db token" {
		t.Errorf("the certificate: %v", err)
	}
}

func publicFile(t *testing.T, name string) crypto.PublicKey {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "db", name+".pub"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	pub, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

// checkSecrets uses the secret keys, of which make.c says the values of some.
func checkSecrets(t *testing.T, g *importertest.Target) {
	t.Helper()
	value := make([]byte, 32)
	for i := range value {
		value[i] = byte(i)
	}
	block, err := aes.NewCipher(value)
	if err != nil {
		t.Fatal(err)
	}
	in, out := []byte("sixteen bytes...sixteen bytes..."), make([]byte, 32)
	block.Encrypt(out, in)
	block.Encrypt(out[16:], in[16:])
	for _, label := range []string{"dated", "Schlüssel"} {
		if got := g.Encrypted(ck.CKM_AES_ECB, label, in); !bytes.Equal(got, out) {
			t.Errorf("%s encrypts to %x", label, got)
		}
	}
	mac := hmac.New(sha256.New, value)
	mac.Write(in)
	if got := g.MAC(ck.CKM_SHA256_HMAC, "mac", in); !bytes.Equal(got, mac.Sum(nil)) {
		t.Errorf("the MAC is %x", got)
	}
	if first := g.Encrypted(ck.CKM_AES_ECB, "aes", in); bytes.Equal(first, out) || len(first) != len(in) {
		t.Errorf("aes encrypts to %x", first)
	}
	if n := len(g.MAC(ck.CKM_SHA256_HMAC, "generic", in)); n != sha256.Size {
		t.Errorf("a MAC of %d bytes", n)
	}
}

// checkAttributes: what is in a database as numbers, memory images, or not at all.
func checkAttributes(t *testing.T, g *importertest.Target) {
	t.Helper()
	key := func(label string) api.ObjectID { return g.Find(ck.CKO_SECRET_KEY, label) }
	data := func(label string) api.ObjectID { return g.Find(ck.CKO_DATA, label) }
	long := data(strings.Repeat("l", 300))
	var allowed []byte
	for _, m := range []ck.MechanismType{ck.CKM_AES_ECB, ck.CKM_AES_CBC, ck.CKM_AES_GCM} {
		allowed = ck.AppendUlong(allowed, uint64(m))
	}
	for _, c := range []struct {
		what string
		id   api.ObjectID
		t    ck.AttributeType
		want string
	}{
		{"dated", key("dated"), ck.CKA_START_DATE, "20200229"},
		{"dated", key("dated"), ck.CKA_END_DATE, "29991231"},
		{"dated", key("dated"), ck.CKA_ALLOWED_MECHANISMS, string(allowed)},
		{"Schlüssel", key("Schlüssel"), ck.CKA_PRIVATE, "\x00"},
		{"Schlüssel", key("Schlüssel"), ck.CKA_MODIFIABLE, "\x00"},
		{"Schlüssel", key("Schlüssel"), ck.CKA_EXTRACTABLE, "\x01"},
		{"Schlüssel", key("Schlüssel"), ck.CKA_ID, ""},
		{"long", long, ck.CKA_VALUE, ""},
		{"long", long, ck.CKA_APPLICATION, "app"},
		{"long", long, ck.CKA_OBJECT_ID, "\x06\x03\x2a\x03\x04"},
		{"second name", data("second name"), ck.CKA_VALUE, "a value of more than one block"},
		{"copy", data("copy"), ck.CKA_VALUE, ""}, // SoftHSM2 lost it: it says so too
	} {
		if got := string(g.Attribute(c.id, c.t)); got != c.want {
			t.Errorf("%s: %v is %q", c.what, c.t, got)
		}
	}
	wrap, unwrap := g.Nested(key("wrapper"), ck.CKA_WRAP_TEMPLATE), g.Nested(key("wrapper"), ck.CKA_UNWRAP_TEMPLATE)
	if kt, _ := wrap.Ulong(ck.CKA_KEY_TYPE); ck.KeyType(kt) != ck.CKK_AES || len(wrap) < 2 {
		t.Errorf("CKA_WRAP_TEMPLATE %v", wrap)
	}
	if label, _ := unwrap.Find(ck.CKA_LABEL); string(label.Value) != "unwrapped" || len(unwrap) != 3 {
		t.Errorf("CKA_UNWRAP_TEMPLATE %v", unwrap)
	}
}
