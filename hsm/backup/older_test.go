package backup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/backup/approved"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// What version 1 wrote opens for ever: a full backup and an increment, with the
// identity that they were made for.
func TestVersion1(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "version1.key"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	by, err := ByIdentities(f)
	if err != nil {
		t.Fatal(err)
	}
	c, err := OpenChain([]string{filepath.Join("testdata", "version1.backup"), filepath.Join("testdata", "version1-increment.backup")})
	if err != nil {
		t.Fatal(err)
	}
	c.Keys = by
	if err := c.Verify(); err != nil {
		t.Fatal(err)
	}
	m := openHome(t, newHome(t))
	list := restore(t, c, m, Restoring{})
	want := world{"k2": "7848e208cd7fd5a0cc72b638b6b10959", "k3": "20bc204abe552b23027695ca3de916fb"}
	if got := look(t, m, list[0].At); !got.same(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// And so does what version 2 wrote: with the identity, made by openssl, and with the
// passphrase that they were made for.
func TestVersion2(t *testing.T) {
	identities, err := readWith(filepath.Join("testdata", "version2.pem"), approved.ParseIdentities)
	if err != nil {
		t.Fatal(err)
	}
	pass := approved.ByPassphrase(secret.From([]byte("correct horse")))
	for _, by := range [][]approved.Identity{identities, {pass}} {
		c, err := OpenChain([]string{filepath.Join("testdata", "version2.backup"), filepath.Join("testdata", "version2-increment.backup")})
		if err != nil {
			t.Fatal(err)
		}
		c.Approved = by
		if err := c.Verify(); err != nil {
			t.Fatal(err)
		}
		m := openHome(t, newHome(t))
		list := restore(t, c, m, Restoring{})
		want := world{"k2": "27c0a4e818716003610e81fc0d65a854", "k3": "876c937336009d6df3068ec072975aec"}
		if got := look(t, m, list[0].At); !got.same(want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}
