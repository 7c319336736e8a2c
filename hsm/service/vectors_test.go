package service

import (
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"testing"

	"github.com/c2sp/wycheproof"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// vectorGroup and vectorCase are what the tests need of Wycheproof's files.
type vectorGroup struct {
	Sha, MgfSha      string
	SLen             uint64
	Curve            string
	PrivateKeyPkcs8  string
	PublicKey        struct{ Modulus, PublicExponent, Curve, Uncompressed, Pk string }
	KeySize, TagSize int // in bits
	Tests            []vectorCase
}

type vectorCase struct {
	TcID                            int
	Flags                           []string
	Msg, Sig, Ct, Label             string
	Public, Private, Shared, Result string
	Key, IV, Aad, Tag               string
	Seed, Ek, Dk, C, K              string
}

// forEachVector runs f on every case of the files that match a pattern but none
// of except; a pattern without a case is an error.
func forEachVector(t *testing.T, pattern string, except []string, f func(*testing.T, *vectorGroup, *vectorCase)) {
	files, err := fs.Glob(wycheproof.TestVectors, pattern)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		if slices.ContainsFunc(except, func(p string) bool { ok, _ := path.Match(p, file); return ok }) {
			continue
		}
		t.Run(file, func(t *testing.T) {
			raw, err := fs.ReadFile(wycheproof.TestVectors, file)
			if err != nil {
				t.Fatal(err)
			}
			var v struct{ TestGroups []vectorGroup }
			if err := json.Unmarshal(raw, &v); err != nil {
				t.Fatal(err)
			}
			for i := range v.TestGroups {
				g := &v.TestGroups[i]
				for j := range g.Tests {
					n++
					f(t, g, &g.Tests[j])
				}
			}
		})
	}
	if n == 0 {
		t.Errorf("%s: no cases", pattern)
	}
}

// judge holds an outcome against the result that the case asks for.
func (c *vectorCase) judge(t *testing.T, err error) {
	t.Helper()
	if c.Result != "acceptable" && (err == nil) != (c.Result == "valid") {
		t.Errorf("case %d, %s %v: %v", c.TcID, c.Result, c.Flags, err)
	}
}

// unhex decodes hex, an odd number of digits too.
func unhex(s string) []byte {
	if len(s)%2 == 1 {
		s = "0" + s
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// hashNamed finds a hash by the name that Wycheproof and the standard library
// give it.
func hashNamed(t *testing.T, name string) *hashInfo {
	t.Helper()
	for i := range hashes {
		if hashes[i].hash.String() == name {
			return &hashes[i]
		}
	}
	t.Fatalf("no hash %q", name)
	return nil
}

// mechanism returns a registration.
func mechanism(t *testing.T, mt ck.MechanismType) *Mechanism {
	t.Helper()
	m, ok := Lookup(mt)
	if !ok {
		t.Fatalf("%v is not registered", mt)
	}
	return m
}

// completed imports a key.
func completed(t *testing.T, class ck.ObjectClass, kt ck.KeyType, tmpl ...ck.Attribute) *Key {
	t.Helper()
	made, err := Complete(class, kt, tmpl)
	if err != nil {
		t.Fatal(err)
	}
	return newKeyFrom(made)
}

// verifyWith runs a verification in one go.
func verifyWith(t *testing.T, k *Key, m *ck.Mechanism, data, sig []byte) error {
	t.Helper()
	v, err := mechanism(t, m.Type).Verify(k, m)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	return v.OneShot(data, sig)
}

// keyCache saves making the same key for each case of a group.
type keyCache struct {
	of  *vectorGroup
	key *Key
}

func (c *keyCache) get(g *vectorGroup, make func() *Key) *Key {
	if c.of != g {
		c.of, c.key = g, make()
	}
	return c.key
}

// newKeyFrom makes a key of attributes alone.
func newKeyFrom(tmpl ck.Template) *Key { return &Key{attr: sourceOf(tmpl)} }
