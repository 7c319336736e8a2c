package slots_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/soak"
	"github.com/coffer-hsm/coffer/slots"
)

// The fuzz targets hold App to four rules, whatever it is called with: no panic; only
// codes that the function has; the session works afterwards; no secret comes out.

// listedCodes is the codes by function, from the tables that pkcs11/abitest holds the
// library to.
var listedCodes = sync.OnceValue(func() map[string]string {
	listed := map[string]string{}
	dir := filepath.Join("..", "pkcs11", "abitest", "testdata")
	for _, name := range []string{"listed.tsv", "beyond.tsv", "general.tsv"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			panic(err)
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Split(strings.TrimSpace(line), "\t"); line[0] != '#' && name == "general.tsv" {
				listed[""] += " " + f[1] + " "
			} else if line[0] != '#' {
				listed[f[0]] += " " + f[1] + " "
			}
		}
	}
	return listed
})

// fuzzed is a session on the real module for one input.
type fuzzed struct {
	t       testing.TB
	app     *slots.App
	h       ck.SessionHandle
	secrets [][]byte // what must not come out
}

// check takes the answer of a function.
func (f *fuzzed) check(function string, err error) {
	f.t.Helper()
	name := " " + strings.TrimPrefix(ck.Code(err).Error(), "CKR_") + " "
	if listed := listedCodes(); !strings.Contains(listed[function]+listed[""], name) || ck.Code(err) == ck.CKR_GENERAL_ERROR {
		f.t.Errorf("%s answers %v", function, err)
	}
}

// usable checks that the session works.
func (f *fuzzed) usable() {
	f.t.Helper()
	if err := f.app.SessionCancel(f.h, ^ck.Flags(0)); err != nil {
		f.t.Fatal("cancel:", err)
	}
	if err := f.app.DigestInit(f.h, sha256m); err != nil {
		f.t.Fatal("a digest:", err)
	}
	if _, err := f.app.Digest(f.h, some(), some()); err != nil {
		f.t.Fatal("a digest:", err)
	}
}

// made looks at a new key: what says that it is sensitive is not told.
func (f *fuzzed) made(o ck.ObjectHandle) {
	f.t.Helper()
	sensitive := attributeOf(f.app, f.h, o, ck.CKA_SENSITIVE)
	stays := attributeOf(f.app, f.h, o, ck.CKA_EXTRACTABLE)
	if !bytes.Equal(sensitive, []byte{1}) && !bytes.Equal(stays, []byte{0}) {
		return
	}
	for _, t := range []ck.AttributeType{ck.CKA_VALUE, ck.CKA_PRIVATE_EXPONENT, ck.CKA_PRIME_1, ck.CKA_SEED} {
		if v := attributeOf(f.app, f.h, o, t); v != nil {
			f.t.Errorf("%v of a sensitive key: %x", t, v)
		}
	}
}

// sealed checks that no secret stands in what came out.
func (f *fuzzed) sealed(out []byte) {
	f.t.Helper()
	for _, s := range f.secrets {
		if bytes.Contains(out, s) {
			f.t.Errorf("a secret came out: %x", out)
		}
	}
}

// fuzzModule is one module for all inputs of a target; each gets a session of its own.
func fuzzModule(f testing.TB) func(testing.TB) *fuzzed {
	app := newWorldOn(f, openModule(f))
	login := open(f, app, "rw")
	if err := app.Login(login, ck.CKU_USER, []byte("userpin")); err != nil {
		f.Fatal(err)
	}
	return func(t testing.TB) *fuzzed {
		h := open(t, app, "rw")
		t.Cleanup(func() { _ = app.CloseSession(h) })
		return &fuzzed{t: t, app: app, h: h}
	}
}

// TestRandomly is the short form of the fuzz targets: bytes at random for each of them,
// for a second. go test -fuzz goes on from there.
func TestRandomly(t *testing.T) {
	start, module := fuzzModule(t), sequenceModule(t)
	for name, try := range map[string]func(t testing.TB, data []byte){
		"templates":  func(t testing.TB, data []byte) { tryTemplate(start(t), data) },
		"mechanisms": func(t testing.TB, data []byte) { tryMechanism(start(t), data) },
		"sequences":  func(t testing.TB, data []byte) { trySequence(t, module, data) },
	} {
		rng := soak.Random(t)
		for until := time.Now().Add(time.Second); time.Now().Before(until); {
			data := make([]byte, 1+rng.IntN(60))
			for i := range data {
				data[i] = byte(rng.Uint32())
			}
			if !t.Run(name, func(t *testing.T) { try(t, data) }) {
				t.Fatalf("%s: the input was %q", name, data)
			}
		}
	}
}

// source reads choices from the fuzzer's bytes; at their end it reads zeros.
type source struct{ data []byte }

func (s *source) byte() byte {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return b
}

func (s *source) pick(n int) int { return int(s.byte()) % n }

// bytes is up to 63 bytes, but mostly of a length that something has.
func (s *source) bytes() []byte {
	n := []int{0, 1, 2, 8, 16, 24, 32, 12, 7, 33, 63}[s.pick(11)]
	out := make([]byte, n)
	for i := range out {
		out[i] = s.byte()
	}
	return out
}

// attributeTypes is what templates are made of.
var attributeTypes = []ck.AttributeType{
	ck.CKA_CLASS, ck.CKA_KEY_TYPE, ck.CKA_TOKEN, ck.CKA_PRIVATE, ck.CKA_LABEL, ck.CKA_ID, ck.CKA_VALUE, ck.CKA_VALUE_LEN,
	ck.CKA_SENSITIVE, ck.CKA_EXTRACTABLE, ck.CKA_ENCRYPT, ck.CKA_DECRYPT, ck.CKA_SIGN, ck.CKA_VERIFY, ck.CKA_WRAP, ck.CKA_UNWRAP, ck.CKA_DERIVE,
	ck.CKA_LOCAL, ck.CKA_UNIQUE_ID, ck.CKA_ALWAYS_SENSITIVE, ck.CKA_NEVER_EXTRACTABLE, ck.CKA_MODIFIABLE, ck.CKA_COPYABLE, ck.CKA_DESTROYABLE,
	ck.CKA_MODULUS, ck.CKA_MODULUS_BITS, ck.CKA_PUBLIC_EXPONENT, ck.CKA_EC_PARAMS, ck.CKA_EC_POINT, ck.CKA_PARAMETER_SET, ck.CKA_ALLOWED_MECHANISMS,
	ck.CKA_START_DATE, ck.CKA_END_DATE, ck.CKA_WRAP_TEMPLATE, ck.CKA_UNWRAP_TEMPLATE, ck.CKA_DERIVE_TEMPLATE, ck.CKA_TRUSTED,
	ck.CKA_WRAP_WITH_TRUSTED, ck.CKA_ALWAYS_AUTHENTICATE, ck.CKA_CERTIFICATE_TYPE, ck.CKA_SUBJECT, ck.CKA_APPLICATION, ck.CKA_OBJECT_ID, 0x40000001,
}

// template is a template of up to seven attributes, of any kind of value.
func (s *source) template(depth int) ck.Template {
	t := ck.Template{}
	for range s.pick(8) {
		a := attributeTypes[s.pick(len(attributeTypes))]
		switch s.pick(4) {
		case 0:
			t = append(t, ck.Bool(a, s.byte()&1 == 1))
		case 1:
			t = append(t, ck.Ulong(a, uint64(s.byte())))
		case 2:
			t = append(t, ck.Bytes(a, s.bytes()))
		default:
			if depth > 0 {
				t = append(t, ck.Attribute{Type: a, Nested: s.template(depth - 1)})
			}
		}
	}
	return t
}

// base is a template that may do, before what the fuzzer adds.
func (s *source) base() ck.Template {
	bases := []ck.Template{nil, kindNames["data"], append(ck.Template{ck.Bytes(ck.CKA_VALUE, make([]byte, 16))}, kindNames["aes"]...),
		append(ck.Template{ck.Bytes(ck.CKA_VALUE, make([]byte, 20))}, kindNames["generic"]...), kindNames["rsa2048"], kindNames["trust"], {ck.Ulong(ck.CKA_VALUE_LEN, uint64(16))}}
	return append(ck.Template{}, bases[s.pick(len(bases))]...)
}

// secretKey makes a sensitive key with a value that would be known if it came out.
func (f *fuzzed) secretKey(more ...ck.Attribute) ck.ObjectHandle {
	value := []byte("0123456789abcdef")
	f.secrets = append(f.secrets, value)
	o, err := f.app.CreateObject(f.h, append(ck.Template{ck.Bytes(ck.CKA_VALUE, value), ck.Bool(ck.CKA_SENSITIVE, true)}, append(kindNames["aes"], more...)...))
	if err != nil {
		f.t.Fatal(err)
	}
	return o
}
