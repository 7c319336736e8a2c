package nss

import (
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/importer/importertest"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// newDatabase makes databases with certutil: an RSA authority called ca and an EC
// certificate called web.
func newDatabase(t *testing.T, password string) string {
	t.Helper()
	dir := t.TempDir()
	pw, noise := filepath.Join(dir, "pw"), filepath.Join(dir, "noise")
	if err := errors.Join(os.WriteFile(pw, []byte(password+"\n"), 0o600), os.WriteFile(noise, []byte(strings.Repeat("noise", 20)), 0o600)); err != nil {
		t.Fatal(err)
	}
	certutil := func(args ...string) {
		importertest.Run(t, "certutil", append(args, "-d", "sql:"+dir, "-f", pw)...)
	}
	if password == "" {
		importertest.Run(t, "certutil", "-N", "-d", "sql:"+dir, "--empty-password")
	} else {
		certutil("-N")
	}
	certutil("-S", "-z", noise, "-n", "ca", "-s", "CN=ca", "-x", "-t", "C,,", "-k", "rsa", "-g", "2048", "-m", "1")
	certutil("-S", "-z", noise, "-n", "web", "-s", "CN=web", "-c", "ca", "-t", ",,", "-k", "ec", "-q", "secp256r1", "-m", "2")
	return dir
}

func certificate(t *testing.T, dir, name string) *x509.Certificate {
	t.Helper()
	der, err := exec.Command("certutil", "-L", "-r", "-n", name, "-d", "sql:"+dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestImport: what certutil has made signs for the certificates that it has made.
func TestImport(t *testing.T) {
	for name, password := range map[string]string{"password": "correct horse", "none": ""} {
		t.Run(name, func(t *testing.T) {
			dir := newDatabase(t, password)
			d, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			p := secret.From([]byte(password))
			defer p.Zero()
			s, err := d.Read(p)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Wipe()
			g := importertest.New(t)
			plan := g.Rehearse(s)
			if err := plan.Write(); err != nil {
				t.Fatal(err)
			}
			if plan.Count(importer.Comes) != 6 || plan.Count(importer.Stays) != 2 || len(plan.Steps) != 8 {
				t.Errorf("%+v", plan.Steps)
			}
			for _, name := range []string{"ca", "web"} {
				c := certificate(t, dir, name)
				g.Signs(name, c.PublicKey)
				if got := g.Attribute(g.Find(ck.CKO_CERTIFICATE, name), ck.CKA_VALUE); string(got) != string(c.Raw) {
					t.Errorf("%s: another certificate", name)
				}
				if id := g.Attribute(g.Find(ck.CKO_PRIVATE_KEY, name), ck.CKA_ID); len(id) != 20 {
					t.Errorf("%s: ID %x", name, id)
				}
			}
			if plan = g.Rehearse(s); plan.Count(importer.There) != 6 {
				t.Errorf("the second time: %+v", plan.Steps)
			}
		})
	}
}

// TestSignatures: what was put into a database behind NSS's back is named, and left.
func TestSignatures(t *testing.T) {
	dir := newDatabase(t, "correct horse")
	pw := filepath.Join(dir, "next")
	if err := os.WriteFile(pw, []byte("battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	importertest.Run(t, "certutil", "-W", "-d", "sql:"+dir, "-f", filepath.Join(dir, "pw"), "-@", pw)
	p := secret.From([]byte("battery staple"))
	defer p.Zero()
	read := func() *importer.Source {
		d, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		s, err := d.Read(p)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	damaged := func(s *importer.Source) (list []string) {
		for _, l := range s.Left {
			if !l.Harmless {
				list = append(list, l.Where+": "+l.Why)
			}
		}
		return list
	}
	if s := read(); len(damaged(s)) != 0 || len(s.Objects) != 6 {
		t.Errorf("after another password: %q", damaged(s))
	}
	path := filepath.Join(dir, keyName)
	for _, test := range []struct{ spoil, naming string }{
		{"update nssPrivate set a122 = x'03' where a122 is not null", "CKA_PUBLIC_EXPONENT: its signature: not authentic"},
		{"update nssPrivate set a124 = a125 where a124 is not null", "CKA_PRIME_1: its signature: not authentic"},
		{"delete from metaData where id like 'sig_key_%_00000126'", "CKA_EXPONENT_1: its signature is missing"},
		{"update metaData set item1 = x'3000' where id like 'sig_key_%_00000011'", "CKA_VALUE: its signature: not data"},
	} {
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		importertest.Run(t, "sqlite3", path, test.spoil)
		s := read()
		if list := damaged(s); len(list) != 1 || !strings.Contains(list[0], test.naming) || len(s.Objects) != 5 {
			t.Errorf("%s: %q", test.spoil, list)
		}
		if err := os.WriteFile(path, before, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBad: wrong passwords and damage are named.
func TestBad(t *testing.T) {
	dir := newDatabase(t, "correct horse")
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{"", "wrong", "correct horse "} {
		p := secret.From([]byte(password))
		if _, err := d.Read(p); !errors.Is(err, importer.ErrPassword) {
			t.Errorf("password %q: %v", password, err)
		}
		p.Zero()
	}
	path := filepath.Join(dir, keyName)
	importertest.Run(t, "sqlite3", path, "update nssPrivate set a11 = x'3003020100' where a11 is not null")
	p := secret.From([]byte("correct horse"))
	defer p.Zero()
	s, err := d.Read(p)
	if err != nil || len(s.Left) != 3 || s.Left[0].Harmless {
		t.Errorf("a key that is no sealed value: %v", err)
	}
	importertest.Run(t, "sqlite3", path, "delete from metaData where id = 'password'")
	if _, err := Open(dir); !errors.Is(err, importer.ErrFormat) {
		t.Errorf("no password: %v", err)
	}
	if err := os.Truncate(path, 5000); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, importer.ErrFormat) {
		t.Errorf("cut off: %v", err)
	}
	if err := os.WriteFile(path, []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, importer.ErrFormat) {
		t.Errorf("no database: %v", err)
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
}
