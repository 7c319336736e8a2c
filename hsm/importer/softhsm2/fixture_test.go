package softhsm2

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/importer/importertest"
)

// Debian builds SoftHSM2 without SQLite and for 64 bits here, so that the tokens of
// this file are those of the real programs, written down again as FORMAT.md has them.
// real_test.go reads a database that SoftHSM2 wrote itself.

// machine is one whose memory a database has parts of.
type machine struct {
	name  string
	width int
	order binary.AppendByteOrder
}

var machines = []machine{
	{"amd64", 8, binary.LittleEndian},
	{"i386", 4, binary.LittleEndian},
	{"s390x", 8, binary.BigEndian},
	{"powerpc", 4, binary.BigEndian},
}

// ulong appends an unsigned long of the machine.
func (m machine) ulong(b []byte, n uint64) []byte {
	if m.width == 4 {
		return m.order.AppendUint32(b, uint32(n))
	}
	return m.order.AppendUint64(b, n)
}

// mechanisms and attributes are the memory images of kinds 5 and 4.
func (m machine) mechanisms(list ...ck.MechanismType) (b []byte) {
	for _, n := range list {
		b = m.ulong(b, uint64(n))
	}
	return b
}

func (m machine) attributes(t ck.Template) (b []byte) {
	for _, a := range t {
		b = m.ulong(b, uint64(a.Type))
		switch n, isNumber := ck.ParseUlong(a.Value); {
		case len(a.Value) == 1:
			b = append(m.order.AppendUint32(b, uint32(kindBool)), a.Value...)
		case isNumber:
			b = m.ulong(m.order.AppendUint32(b, uint32(kindNumber)), n)
		default:
			b = append(m.ulong(m.order.AppendUint32(b, uint32(kindBytes)), uint64(len(a.Value))), a.Value...)
		}
	}
	return b
}

// toDatabase writes a token in files into a database of the machine, and removes the
// files. extra is put into every secret key. These five tables are as SoftHSM2 makes them
// (testdata/db); those of text, times and reals it makes too and never writes.
func (m machine) toDatabase(t *testing.T, dir string, extra func(*sql.DB, int)) {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(dir, databaseName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec := func(query string, args ...any) {
		if _, err := db.Exec(query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	exec("create table object (id integer primary key autoincrement)")
	for table, typ := range map[string]string{"boolean": "boolean", "integer": "integer", "binary": "blob", "array": "blob"} {
		exec(fmt.Sprintf("create table attribute_%s (value %s, type integer, object_id integer references object(id) on delete cascade, id integer primary key autoincrement)", table, typ))
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"+objectSuffix))
	files = append([]string{filepath.Join(dir, tokenName)}, files...)
	id := 0
	for i, path := range files {
		if i > 0 && filepath.Base(path) == tokenName {
			continue
		}
		f, err := readFile(path)
		if err != nil {
			t.Fatal(err)
		}
		id++
		exec("insert into object default values")
		for _, a := range f {
			m.insert(exec, id, a)
		}
		if class, _ := f.template().Ulong(ck.CKA_CLASS); ck.ObjectClass(class) == ck.CKO_SECRET_KEY {
			extra(db, id)
		}
	}
	for _, path := range files {
		os.Remove(path)
	}
}

func (m machine) insert(exec func(string, ...any), id int, a field) {
	switch a.kind {
	case kindBool:
		exec("insert into attribute_boolean (value, type, object_id) values (?, ?, ?)", int(a.Value[0]), int64(a.Type), id)
	case kindNumber:
		n, _ := ck.ParseUlong(a.Value)
		if m.width == 4 {
			n &= 1<<32 - 1
		}
		exec("insert into attribute_integer (value, type, object_id) values (?, ?, ?)", int64(n), int64(a.Type), id)
	case kindBytes:
		exec("insert into attribute_binary (value, type, object_id) values (?, ?, ?)", a.Value, int64(a.Type), id)
	}
}

// TestDatabases: the same token in the databases of four machines, with the attributes
// that are memory images.
func TestDatabases(t *testing.T) {
	for _, m := range machines {
		t.Run(m.name, func(t *testing.T) {
			h := newSoftHSM(t)
			key := filepath.Join(t.TempDir(), "rsa.pem")
			pub := importertest.PublicKey(t, key, "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
			importertest.Run(t, "softhsm2-util", "--import", key, "--token", "web", "--label", "rsa", "--id", "01", "--pin", "1234")
			h.tool("--keygen", "--key-type", "AES:32", "--label", "aes", "--id", "04", "--sensitive")
			nested := ck.Template{ck.Bool(ck.CKA_SENSITIVE, true), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.String(ck.CKA_LABEL, "in")}
			m.toDatabase(t, h.only().Dir, func(db *sql.DB, id int) {
				db.Exec("insert into attribute_binary (value, type, object_id) values (?, ?, ?)", m.mechanisms(ck.CKM_AES_CBC, ck.CKM_AES_GCM), int64(ck.CKA_ALLOWED_MECHANISMS), id)
				db.Exec("insert into attribute_array (value, type, object_id) values (?, ?, ?)", m.attributes(nested), int64(ck.CKA_UNWRAP_TEMPLATE), id)
			})
			g := importertest.New(t)
			g.Import(read(t, h.only(), "1234"))
			g.Signs("rsa", pub)
			aes := g.Find(ck.CKO_SECRET_KEY, "aes")
			want := ck.AppendUlong(ck.AppendUlong(nil, uint64(ck.CKM_AES_CBC)), uint64(ck.CKM_AES_GCM))
			if got := g.Attribute(aes, ck.CKA_ALLOWED_MECHANISMS); !bytes.Equal(got, want) {
				t.Errorf("CKA_ALLOWED_MECHANISMS %x", got)
			}
		})
	}
}

// TestImages reads memory images of each machine with the reader that has to find out.
func TestImages(t *testing.T) {
	nested := ck.Template{ck.Bool(ck.CKA_SENSITIVE, true), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.String(ck.CKA_LABEL, "a label of twenty")}
	for _, m := range machines {
		f, err := arrayField(ck.CKA_UNWRAP_TEMPLATE, m.attributes(nested))
		if err != nil || len(f.Nested) != len(nested) {
			t.Errorf("%s: %v, %v", m.name, f.Nested, err)
			continue
		}
		for i := range nested {
			if f.Nested[i].Type != nested[i].Type || !bytes.Equal(f.Nested[i].Value, nested[i].Value) {
				t.Errorf("%s: %v", m.name, f.Nested[i])
			}
		}
		if _, err := arrayField(ck.CKA_UNWRAP_TEMPLATE, m.attributes(nested)[1:]); !errors.Is(err, importer.ErrFormat) {
			t.Errorf("%s: cut off: %v", m.name, err)
		}
		set, err := binaryField(ck.CKA_ALLOWED_MECHANISMS, m.mechanisms(0, 1, ck.CKM_AES_GCM))
		if err != nil || len(set.Value) != 3*ck.UlongSize {
			t.Errorf("%s: %x, %v", m.name, set.Value, err)
		}
	}
	if _, err := binaryField(ck.CKA_ALLOWED_MECHANISMS, []byte("seven b")); !errors.Is(err, importer.ErrFormat) {
		t.Errorf("seven bytes of mechanisms: %v", err)
	}
}

// TestFile32: numbers have 8 bytes in files of 32 bits too, but the one that stands for
// none has 4 that are not zero. Attributes within attributes and mechanisms are there.
func TestFile32(t *testing.T) {
	ulong := func(b []byte, n ...uint64) []byte {
		for _, n := range n {
			b = binary.BigEndian.AppendUint64(b, n)
		}
		return b
	}
	b := ulong(nil, 7)
	b = ulong(b, uint64(ck.CKA_CLASS), 2, uint64(ck.CKO_SECRET_KEY))
	b = ulong(b, uint64(ck.CKA_KEY_GEN_MECHANISM), 2, 1<<32-1)
	b = ulong(b, uint64(ck.CKA_ALLOWED_MECHANISMS), 5, 2, uint64(ck.CKM_AES_CBC), uint64(ck.CKM_AES_GCM))
	inner := append(ulong(nil, uint64(ck.CKA_SENSITIVE), 1), 0xff)
	b = append(ulong(b, uint64(ck.CKA_UNWRAP_TEMPLATE), 4, uint64(len(inner))), inner...)
	path := filepath.Join(t.TempDir(), "x.object")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := readFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := f.template()
	if n, _ := tmpl.Ulong(ck.CKA_KEY_GEN_MECHANISM); n != ck.Unavailable {
		t.Errorf("none is %x", n)
	}
	if a, _ := tmpl.Find(ck.CKA_ALLOWED_MECHANISMS); len(a.Value) != 16 {
		t.Errorf("mechanisms %x", a.Value)
	}
	a, _ := tmpl.Find(ck.CKA_UNWRAP_TEMPLATE)
	if on, ok := ck.Template(a.Nested).Bool(ck.CKA_SENSITIVE); !on || !ok {
		t.Errorf("nested %v", a.Nested)
	}
}

// TestBadDatabase: what is no database, is damaged, or is being written.
func TestBadDatabase(t *testing.T) {
	h := newSoftHSM(t)
	dir := h.only().Dir
	machines[0].toDatabase(t, dir, func(*sql.DB, int) {})
	path := filepath.Join(dir, databaseName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty": nil, "text": []byte(strings.Repeat("no database ", 99)), "cut off": whole[:len(whole)/2],
		"header alone": whole[:100], "noise": append(bytes.Clone(whole[:100]), bytes.Repeat([]byte{0xa5}, len(whole)-100)...),
	} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Tokens(dir); !errors.Is(err, importer.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := errors.Join(os.WriteFile(path, whole, 0o600), os.WriteFile(path+"-journal", []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := Tokens(dir); !errors.Is(err, importer.ErrBusy) {
		t.Errorf("a journal: %v", err)
	}
}
