package export

import (
	"bytes"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/audit"
)

var rewrite = flag.Bool("update", false, "write the golden files anew")

var source = Source{Log: "coffer-audit-0123456789abcdef", Version: "1.2.3"}

// declared are the acts of acts.go.
func declared(t testing.TB) (all []audit.Act) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../acts.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Act" {
			for _, value := range spec.Values {
				text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, audit.Act(text))
			}
		}
		return true
	})
	if len(all) < 40 {
		t.Fatalf("%d acts are declared", len(all))
	}
	return all
}

// TestEveryAct: the table has a row for each act, and for nothing else.
func TestEveryAct(t *testing.T) {
	all := declared(t)
	for _, a := range all {
		r, ok := acts[a]
		switch {
		case !ok:
			t.Errorf("%s has no row", a)
		case r.name == "" || r.severity < informational || r.severity > high:
			t.Errorf("%s: %+v", a, r)
		case (r.class == management) != (r.entity != ""):
			t.Errorf("%s: an entity is what is managed", a)
		case r.activity != other && r.class.activities[r.activity] == "":
			t.Errorf("%s: %s has no activity %d", a, r.class.name, r.activity)
		}
	}
	for a := range acts {
		if !slices.Contains(all, a) {
			t.Errorf("%s is no act", a)
		}
	}
}

// samples are records of every act, and of every kind of record there is.
func samples(t testing.TB) (list []audit.Record) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_007_008, time.UTC)
	first, last := at.Add(-time.Second), at.Add(-time.Millisecond)
	add := func(r audit.Record) {
		r.Version, r.Seq, r.Time = 1, int64(len(list)), at.Add(time.Duration(len(list))*time.Second)
		r.PID, r.Program, r.UID = 4711, "nginx", 33
		if r.Result == "" {
			r.Result = "CKR_OK"
		}
		list = append(list, r)
	}
	for _, act := range declared(t) {
		r := audit.Record{Act: act, Who: "user"}
		switch {
		case strings.HasPrefix(string(act), "object."):
			r.Object, r.Class, r.KeyType, r.Generation = strings.Repeat("ab", 16), "CKO_PRIVATE_KEY", "CKK_EC", 57
		case acts[act].class == activity && act != audit.UseBegin && act != audit.UseEnd:
			r.Object, r.Class, r.KeyType, r.Mechanism = strings.Repeat("cd", 16), "CKO_SECRET_KEY", "CKK_AES", "CKM_AES_GCM"
			r.Count, r.First, r.Last = 12, &first, &last
		}
		add(r)
	}
	add(audit.Record{Act: audit.Login, Who: "so", Result: "CKR_PIN_INCORRECT"})
	add(audit.Record{Act: audit.Login, Who: "unknown", Result: "CKR_PIN_INCORRECT"})
	add(audit.Record{Act: audit.PartitionDelete, Result: "CKR_PENDING", Slot: 1})
	add(audit.Record{Act: audit.PartitionDelete, Of: 55, Slot: 1})
	add(audit.Record{Act: audit.UserCreate, Who: "so", Detail: `user "a|b=c\\d"`})
	add(audit.Record{Act: "later.act", Who: "user"})
	return list
}

func export(t testing.TB, format string, list []audit.Record) []byte {
	t.Helper()
	var b bytes.Buffer
	print, err := New(format, &b, source)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if err := print(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// TestGolden: what collectors have been taught to read stays as it is.
func TestGolden(t *testing.T) {
	for _, format := range Formats() {
		path := filepath.Join("testdata", "acts."+format)
		got := export(t, format, samples(t))
		if *rewrite {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs: run with -update and look at what changed\n%s", path, got)
		}
	}
}

func TestNoFormat(t *testing.T) {
	if _, err := New("xml", nil, source); err == nil || !strings.Contains(err.Error(), "cef, json, ocsf") {
		t.Error(err)
	}
}

// counter counts what it is given and keeps nothing.
type counter int

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }

// TestMemory: a long log takes no more memory than a short one.
func TestMemory(t *testing.T) {
	list := samples(t)
	for _, format := range Formats() {
		var n counter
		print, err := New(format, &n, source)
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range 20_000 {
			if err := print(&list[i%len(list)]); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if n < 2<<20 || after.HeapAlloc > before.HeapAlloc+256<<10 {
			t.Errorf("%s: %d bytes written, heap from %d to %d", format, n, before.HeapAlloc, after.HeapAlloc)
		}
	}
}
