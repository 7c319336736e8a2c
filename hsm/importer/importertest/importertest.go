// Package importertest is what the tests of importers have in common: a partition to
// import into, and what is asked of the keys afterwards.
package importertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/importer"
)

// Target is a new partition with its user logged in.
type Target struct {
	api.Partition
	Who api.Caller
	m   *hsm.Module
	t   testing.TB
}

// New makes a partition in a home of its own, under the strict policy.
func New(t testing.TB) *Target { return NewUnder(t, "strict") }

// NewUnder makes one under another policy.
func NewUnder(t testing.TB, policy string) *Target {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "fast.toml")
	text := "policy = \"" + policy + "\"\n[pin]\nargon2-passes = 1\nargon2-memory-kib = 64\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := hsm.Open(hsm.Config{Home: filepath.Join(dir, "home"), ConfigFile: conf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	if _, err := m.Create("target", []byte("so-pin"), []byte("user-pin")); err != nil {
		t.Fatal(err)
	}
	p := m.Slots()[0].Partition
	id, err := p.Login(ck.CKU_USER, []byte("user-pin"))
	if err != nil {
		t.Fatal(err)
	}
	return &Target{p, api.Caller{Identity: id, ReadWrite: true}, m, t}
}

// Import imports a source, of which everything must come, and returns the plan.
func (g *Target) Import(s *importer.Source) *importer.Plan {
	g.t.Helper()
	plan := g.Rehearse(s)
	if n := plan.Count(importer.Cannot); n > 0 {
		g.t.Errorf("%d objects cannot come: %+v", n, plan.Steps)
	}
	if err := plan.Write(); err != nil {
		g.t.Fatal(err)
	}
	return plan
}

// Rehearse rehearses a source.
func (g *Target) Rehearse(s *importer.Source) *importer.Plan {
	g.t.Helper()
	plan, err := importer.Rehearse(g.Partition, g.Who, s)
	if err != nil {
		g.t.Fatal(err)
	}
	return plan
}

// Find returns the one object of a class and label, and its attributes.
func (g *Target) Find(class ck.ObjectClass, label string) api.ObjectID {
	g.t.Helper()
	ids, err := g.Partition.AppendFound(nil, g.Who, ck.Template{ck.Ulong(ck.CKA_CLASS, class), ck.String(ck.CKA_LABEL, label)})
	if err != nil || len(ids) != 1 {
		g.t.Fatalf("%v %q: %d objects, %v", class, label, len(ids), err)
	}
	return ids[0]
}

// Objects counts the token objects that the user sees, without the token's own.
func (g *Target) Objects() int {
	g.t.Helper()
	return g.Info().Objects
}

// Attribute reads one attribute; nil if there is none.
func (g *Target) Attribute(id api.ObjectID, t ck.AttributeType) []byte {
	g.t.Helper()
	return g.attribute(id, t).Value
}

// Nested reads an attribute that holds others.
func (g *Target) Nested(id api.ObjectID, t ck.AttributeType) ck.Template {
	g.t.Helper()
	return g.attribute(id, t).Nested
}

func (g *Target) attribute(id api.ObjectID, t ck.AttributeType) ck.Attribute {
	g.t.Helper()
	want := []api.AttributeResult{{Attribute: ck.Attribute{Type: t}}}
	if err := g.Attributes(g.Who, id, want); err != nil {
		g.t.Fatal(err)
	}
	return want[0].Attribute
}

// Bool reads an attribute that is true or false.
func (g *Target) Bool(id api.ObjectID, t ck.AttributeType) bool {
	v := g.Attribute(id, t)
	return len(v) == 1 && v[0] == ck.CK_TRUE
}

// Signs checks that the private key called label signs what pub verifies.
func (g *Target) Signs(label string, pub crypto.PublicKey) {
	g.t.Helper()
	id := g.Find(ck.CKO_PRIVATE_KEY, label)
	data := []byte("what is signed")
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		sig := g.sign(ck.CKM_SHA256_RSA_PKCS, id, data)
		digest := sha256.Sum256(data)
		if err := rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest[:], sig); err != nil {
			g.t.Errorf("%s: %v", label, err)
		}
	case *ecdsa.PublicKey:
		sig := g.sign(ck.CKM_ECDSA_SHA256, id, data)
		digest := sha256.Sum256(data)
		r, s := new(big.Int).SetBytes(sig[:len(sig)/2]), new(big.Int).SetBytes(sig[len(sig)/2:])
		if !ecdsa.Verify(pub, digest[:], r, s) {
			g.t.Errorf("%s: the signature does not verify", label)
		}
	case ed25519.PublicKey:
		if !ed25519.Verify(pub, data, g.sign(ck.CKM_EDDSA, id, data)) {
			g.t.Errorf("%s: the signature does not verify", label)
		}
	default:
		g.t.Fatalf("no signatures by %T", pub)
	}
}

func (g *Target) sign(m ck.MechanismType, key api.ObjectID, data []byte) []byte {
	g.t.Helper()
	s, err := g.Sign(g.Who, g.mechanism(m), key)
	return g.oneShot(s, err, data)
}

// MAC is that of data under the secret key called label.
func (g *Target) MAC(m ck.MechanismType, label string, data []byte) []byte {
	g.t.Helper()
	return g.sign(m, g.Find(ck.CKO_SECRET_KEY, label), data)
}

// Encrypted is data under the secret key called label, by a mechanism without parameters.
func (g *Target) Encrypted(m ck.MechanismType, label string, data []byte) []byte {
	g.t.Helper()
	c, err := g.Encrypt(g.Who, g.mechanism(m), g.Find(ck.CKO_SECRET_KEY, label))
	return g.oneShot(c, err, data)
}

func (g *Target) mechanism(m ck.MechanismType) *ck.Mechanism {
	g.t.Helper()
	info, ok := g.m.Mechanism(m)
	if !ok {
		g.t.Fatalf("no mechanism %v", m)
	}
	return &ck.Mechanism{Type: m, Registration: info.Registration}
}

// oneShot ends an operation that began, or did not, in one call.
func (g *Target) oneShot(o interface {
	api.Operation
	OneShot(dst, data []byte) (int, error)
}, err error, data []byte) []byte {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
	defer o.Close()
	out := make([]byte, 1024)
	n, err := o.OneShot(out, data)
	if err != nil {
		g.t.Fatal(err)
	}
	return out[:n]
}

// Run runs a program that must succeed and returns what it prints.
func Run(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return out
}

// PublicKey makes a private key with openssl in the file path and returns its public
// half. algorithm is what genpkey takes.
func PublicKey(t testing.TB, path string, algorithm ...string) crypto.PublicKey {
	t.Helper()
	Run(t, "openssl", append([]string{"genpkey", "-out", path, "-algorithm"}, algorithm...)...)
	der, err := exec.Command("openssl", "pkey", "-in", path, "-pubout", "-outform", "DER").Output()
	if err != nil {
		t.Fatal(err)
	}
	pub, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		t.Fatal(err)
	}
	return pub
}
