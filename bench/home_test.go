package bench

import (
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// A home grows to a number of keys, each found by what it is searched by, and
// the driver finds them through the library.
func TestHome(t *testing.T) {
	home, err := NewHome(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{10, 1500} {
		if err := home.Grow(n); err != nil {
			t.Fatal(err)
		}
		m, p, who, err := home.Open()
		if err != nil {
			t.Fatal(err)
		}
		found, err := p.Find(who, ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY)})
		if err != nil || len(found) != n {
			t.Errorf("%d keys, not %d: %v", len(found), n, err)
		}
		found, err = p.Find(who, ck.Template{ck.String(ck.CKA_LABEL, Label(n-1)), ck.Bytes(ck.CKA_ID, ID(n-1))})
		if err != nil || len(found) != 1 {
			t.Errorf("the last of %d: %d, %v", n, len(found), err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	d := startCoffer(t, home)
	if err := d.Set("labels", 1500); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := d.Measure("find-label", 2, 10*time.Millisecond); !ok || err != nil {
		t.Error(ok, err)
	}
	if err := d.Set("labels", 1501); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Measure("find-label", 1, 2*time.Second); err == nil {
		t.Error("a key that is not there was found")
	}
}

// startCoffer starts the driver on Coffer, with a home of its own if home is nil.
func startCoffer(t testing.TB, home *Home) *Driver {
	t.Helper()
	root := libraries(t)
	coffer, start := Modules(root)[0], Module.Start
	if home != nil {
		start = func(m Module, root, folder string) (*Driver, error) { return m.StartOn(root, folder, home) }
	}
	d, err := start(coffer, root, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// Every setting does something, and every row that depends on one works.
func TestSettings(t *testing.T) {
	d := startCoffer(t, nil)
	for _, s := range []struct {
		name    string
		number  int
		threads int
		rows    []string
	}{
		{"payload", 200_000, 1, []string{"aes-256-gcm", "aes-256-gcm-parts", "aes-256-ctr", "aes-256-ctr-parts", "sha256", "sha256-parts"}},
		{"sessions", 50, 2, []string{"session-open-close"}},
		{"sessions", 5, 1, []string{"session-open-close"}},
		{"objects", 300, 1, []string{"find-label"}},
	} {
		if err := d.Set(s.name, s.number); err != nil {
			t.Fatal(err)
		}
		for _, row := range s.rows {
			m, ok, err := d.Measure(row, s.threads, time.Millisecond)
			if err != nil || !ok || s.name == "payload" && m.Bytes != s.number {
				t.Errorf("%s: %+v, %v, %v", row, m, ok, err)
			}
		}
	}
	if err := d.Set("nothing", 1); err == nil {
		t.Error("what there is not was set")
	}
}
