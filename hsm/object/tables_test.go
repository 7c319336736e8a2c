package object

import (
	"bytes"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// everySchema calls f for each class and key type, those of strangers too.
func everySchema(t *testing.T, f func(t *testing.T, s *schema)) {
	t.Helper()
	if len(schemas) < 20 {
		t.Fatalf("only %d types", len(schemas))
	}
	for _, s := range schemas {
		name := s.class.String()
		if isKeyClass(s.class) {
			name += "/" + s.keyType.String()
		}
		t.Run(name, func(t *testing.T) { f(t, s) })
	}
	for _, s := range fallbacks {
		t.Run("unknown "+s.class.String(), func(t *testing.T) { f(t, s) })
	}
	for _, s := range provided {
		t.Run(s.class.String(), func(t *testing.T) { f(t, s) })
	}
	t.Run("unknown class", func(t *testing.T) { f(t, unknownClass) })
}

func TestRowsOfEveryType(t *testing.T) {
	everySchema(t, func(t *testing.T, s *schema) {
		for i := range s.rows {
			r := &s.rows[i]
			if i > 0 && s.rows[i-1].typ >= r.typ {
				t.Errorf("%v stands in two rows", r.typ)
			}
			if s.row(r.typ) != r {
				t.Errorf("%v is not found", r.typ)
			}
			checkRow(t, s, r)
		}
		if s.row(ck.CKA_VENDOR_DEFINED|1) != nil || s.row(ck.CKA_OTP_COUNTER) != nil {
			t.Error("finds an attribute that is not there")
		}
		for _, c := range []ck.AttributeType{ck.CKA_CLASS, ck.CKA_TOKEN, ck.CKA_PRIVATE, ck.CKA_LABEL,
			ck.CKA_UNIQUE_ID, ck.CKA_MODIFIABLE, ck.CKA_COPYABLE, ck.CKA_DESTROYABLE} {
			if s.row(c) == nil {
				t.Errorf("%v is missing", c)
			}
		}
		if isTyped(s.class) != (s.row(ck.CKA_KEY_TYPE) != nil) {
			t.Error("CKA_KEY_TYPE is where it should not be, or the other way round")
		}
	})
}

// checkRow holds what is true of every row of every table.
func checkRow(t *testing.T, s *schema, r *row) {
	bad := func(when bool, why string) {
		if when {
			t.Errorf("%v %s", r.typ, why)
		}
	}
	bad(strings.HasPrefix(r.typ.String(), "CKA_0x"), "is not in the standard")
	guarded := s.class == ck.CKO_PRIVATE_KEY || s.class == ck.CKO_SECRET_KEY
	bad(r.is(secretValue) && !guarded, "is secret in a class that keeps nothing secret")
	bad(r.is(secretValue) != (guarded && secretTypes[r.typ]), "is secret here and open there")
	bad(r.is(secretValue) != IsSecret(s.class, r.typ) && s.row(r.typ) == r, "disagrees with IsSecret")
	bad(r.is(secretValue) && r.rule&(notGenerate|notUnwrap) != notGenerate|notUnwrap, "is secret and may be chosen")
	bad(r.is(secretValue) && r.is(mayModify|mayCopy), "is secret and may change")
	bad(r.is(secretValue) && (r.def != nil || r.kind != kindBytes), "is secret and has a default, or is no string")
	bad(r.kind != kinds[r.typ] && s.row(r.typ) == r, "has two kinds")
	bad(r.is(onceTrue|onceFalse|onlySO) && r.kind != kindBool, "has a direction and is no CK_BBOOL")
	bad(r.is(onceTrue|onceFalse|onlySO) && !r.is(mayModify), "has a direction and may not change")
	bad(r.is(mayModify) && r.is(never), "may be modified and may not be set")
	bad(r.is(mustCreate) && r.is(notCreate), "must and must not be given to C_CreateObject")
	bad(r.is(mustGenerate) && r.is(notGenerate), "must and must not be given to C_GenerateKey")
	bad(r.is(mustUnwrap) && r.is(notUnwrap), "must and must not be given to C_UnwrapKey")
	bad(r.kind == kindBool && r.def == nil, "is a CK_BBOOL without a default")
	bad(usageBit(r.typ) != 0 && r.kind != kindBool, "is a use and no CK_BBOOL")
}

// Every default must be a value that the attribute may have.
func TestDefaultsFit(t *testing.T) {
	everySchema(t, func(t *testing.T, s *schema) {
		if len(s.rows) > maxRows {
			t.Errorf("%d rows do not fit into a draft", len(s.rows))
		}
		d := &draft{schema: s}
		for i := range s.rows {
			r := &s.rows[i]
			v := d.value(r.typ)
			if f := s.fixed.between(i, i+1); len(f) > 0 && !bytes.Equal(f, appendAttribute(nil, &ck.Attribute{Type: r.typ, Value: v})) {
				t.Errorf("%v has two defaults", r.typ)
			}
			if s.index(r.typ) != i || s.index(r.typ+1<<40) != noRow {
				t.Errorf("%v is elsewhere", r.typ)
			}
			if v != nil && !r.kind.fits(&ck.Attribute{Type: r.typ, Value: v}, maxDepth-1) {
				t.Errorf("%v has the default %x", r.typ, v)
			}
		}
	})
}

// A key never wraps, unwraps or derives because nobody said it should not, but for
// keys that can do nothing but derive.
func TestDangerousUsesAreAskedFor(t *testing.T) {
	for k, s := range schemas {
		if s.usual&(usageBit(ck.CKA_WRAP)|usageBit(ck.CKA_UNWRAP)) != 0 {
			t.Errorf("%v wraps by default", k)
		}
		if s.usual&usageBit(ck.CKA_DERIVE) != 0 && k.keyType != ck.CKK_EC_MONTGOMERY && k.keyType != ck.CKK_HKDF {
			t.Errorf("%v derives by default", k)
		}
		left := s.usual
		for i := range s.rows {
			left &^= usageBit(s.rows[i].typ)
		}
		if left != 0 {
			t.Errorf("%v has a use by default that is no attribute of it", k)
		}
	}
}

func TestUsageBits(t *testing.T) {
	var all usageSet
	uses := []ck.AttributeType{ck.CKA_ENCRYPT, ck.CKA_DECRYPT, ck.CKA_WRAP, ck.CKA_UNWRAP, ck.CKA_SIGN, ck.CKA_SIGN_RECOVER,
		ck.CKA_VERIFY, ck.CKA_VERIFY_RECOVER, ck.CKA_DERIVE, ck.CKA_ENCAPSULATE, ck.CKA_DECAPSULATE}
	for _, u := range uses {
		if b := usageBit(u); b == 0 || all&b != 0 {
			t.Errorf("%v has no bit of its own", u)
		}
		all |= usageBit(u)
	}
	for _, other := range []ck.AttributeType{ck.CKA_SENSITIVE, ck.CKA_DERIVE + 1, ck.CKA_TOKEN, ck.CKA_SEED} {
		if usageBit(other) != 0 {
			t.Errorf("%v has a bit", other)
		}
	}
}

func TestValueKinds(t *testing.T) {
	deep := func(levels int) ck.Attribute {
		a := ck.Attribute{Type: ck.CKA_UNWRAP_TEMPLATE, Nested: []ck.Attribute{}}
		for range levels - 1 {
			a = ck.Attribute{Type: ck.CKA_UNWRAP_TEMPLATE, Nested: []ck.Attribute{a}}
		}
		return a
	}
	tests := []struct {
		name string
		kind kind
		a    ck.Attribute
		want bool
	}{
		{"false", kindBool, ck.Attribute{Value: []byte{0}}, true},
		{"true", kindBool, ck.Attribute{Value: []byte{1}}, true},
		{"two", kindBool, ck.Attribute{Value: []byte{2}}, false},
		{"no bool", kindBool, ck.Attribute{}, false},
		{"long bool", kindBool, ck.Attribute{Value: []byte{1, 0}}, false},
		{"ulong", kindUlong, ck.Attribute{Value: make([]byte, 8)}, true},
		{"short ulong", kindUlong, ck.Attribute{Value: make([]byte, 4)}, false},
		{"no ulong", kindUlong, ck.Attribute{}, false},
		{"no ulongs", kindUlongs, ck.Attribute{}, true},
		{"two ulongs", kindUlongs, ck.Attribute{Value: make([]byte, 16)}, true},
		{"half a ulong", kindUlongs, ck.Attribute{Value: make([]byte, 12)}, false},
		{"no date", kindDate, ck.Attribute{}, true},
		{"date", kindDate, ck.Attribute{Value: []byte("20260131")}, true},
		{"month 13", kindDate, ck.Attribute{Value: []byte("20261301")}, false},
		{"month 0", kindDate, ck.Attribute{Value: []byte("20260001")}, false},
		{"day 0", kindDate, ck.Attribute{Value: []byte("20260100")}, false},
		{"day 32", kindDate, ck.Attribute{Value: []byte("20260132")}, false},
		{"short date", kindDate, ck.Attribute{Value: []byte("202601")}, false},
		{"words", kindDate, ck.Attribute{Value: []byte("2026Jan1")}, false},
		{"empty bytes", kindBytes, ck.Attribute{}, true},
		{"template as bytes", kindBytes, ck.Attribute{Nested: []ck.Attribute{}}, false},
		{"bytes as template", kindTemplate, ck.Attribute{Value: []byte{1}}, false},
		{"empty template", kindTemplate, ck.Attribute{}, true},
		{"template", kindTemplate, ck.Attribute{Nested: []ck.Attribute{ck.Bool(ck.CKA_SIGN, true)}}, true},
		{"unknown in template", kindTemplate, ck.Attribute{Nested: []ck.Attribute{ck.Bool(ck.CKA_VENDOR_DEFINED, true)}}, false},
		{"secret in template", kindTemplate, ck.Attribute{Nested: []ck.Attribute{ck.Bytes(ck.CKA_VALUE, nil)}}, false},
		{"twice in template", kindTemplate, ck.Attribute{Nested: []ck.Attribute{ck.Bool(ck.CKA_SIGN, true), ck.Bool(ck.CKA_SIGN, true)}}, false},
		{"unfit in template", kindTemplate, ck.Attribute{Nested: []ck.Attribute{ck.String(ck.CKA_SIGN, "yes")}}, false},
		{"three deep", kindTemplate, deep(3), true},
		{"four deep", kindTemplate, deep(4), false},
	}
	for _, tt := range tests {
		if got := tt.kind.fits(&tt.a, maxDepth-1); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// The package knows the vocabulary and secrets, nothing that lives on top of it.
func TestImports(t *testing.T) {
	const module = "github.com/coffer-hsm/coffer/"
	allowed := map[string]bool{module + "hsm/api": true, module + "hsm/ck": true, module + "hsm/secret": true}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no source", err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if path := strings.Trim(i.Path.Value, `"`); strings.Contains(path, ".") && !allowed[path] {
				t.Errorf("%s imports %s", file, path)
			}
		}
	}
}
