package object

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

func TestMaterialHoldsEverySecret(t *testing.T) {
	tmpl := rsaPrivateTemplate()
	for i, a := range []ck.AttributeType{ck.CKA_PRIME_1, ck.CKA_PRIME_2, ck.CKA_EXPONENT_1, ck.CKA_EXPONENT_2, ck.CKA_COEFFICIENT} {
		tmpl = append(tmpl, ck.Bytes(a, fill(100+i)))
	}
	o, m := create(t, tmpl)
	again, err := NewMaterial(m.Secret().Clone())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range tmpl {
		v, ok := again.Get(a.Type)
		if ok != IsSecret(o.Class(), a.Type) || ok && !bytes.Equal(v, a.Value) {
			t.Errorf("%v: %x %v", a.Type, v, ok)
		}
	}
	if _, ok := m.Get(ck.CKA_VALUE); ok {
		t.Error("finds what is not there")
	}
}

// The bytes are those of FORMAT.md.
func TestMaterialBytes(t *testing.T) {
	_, m := create(t, plus(without(rsaPrivateTemplate(), ck.CKA_PRIVATE_EXPONENT),
		ck.Bytes(ck.CKA_PRIME_2, nil), ck.Bytes(ck.CKA_PRIVATE_EXPONENT, []byte{7, 8})))
	want := []byte{1, 0xa3, 0x02, 2, 7, 8, 0xa5, 0x02, 0}
	if got := m.Secret().Expose(); !bytes.Equal(got, want) {
		t.Errorf("%x", got)
	}
	if v, ok := m.Get(ck.CKA_PRIME_2); !ok || len(v) != 0 {
		t.Error("an empty secret is not found")
	}
}

func TestMaterialOwnership(t *testing.T) {
	_, m := create(t, aesTemplate())
	c := m.Clone()
	m.Zero()
	m.Zero()
	if _, ok := m.Get(ck.CKA_VALUE); ok || m.Secret().Len() != 0 {
		t.Error("the secret is still there")
	}
	if v, ok := c.Get(ck.CKA_VALUE); !ok || !bytes.Equal(v, fill(16)) {
		t.Error("the clone went with the original")
	}
	if s := fmt.Sprintf("%v %+v %x %s", c, c.Secret(), c.Secret(), c.Secret()); bytes.Contains([]byte(s), []byte("0102")) {
		t.Error("prints the secret")
	}
}

func TestNoMaterial(t *testing.T) {
	var m *Material
	m.Zero()
	if _, ok := m.Get(ck.CKA_VALUE); ok || m.Clone() != nil || m.Secret() != nil {
		t.Error("nil is something")
	}
}

func TestDamagedMaterial(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":        {},
		"version 0":      {0, 0x11, 1, 5},
		"version 2":      {2, 0x11, 1, 5},
		"no length":      {1, 0x11},
		"cut off":        {1, 0x11, 2, 5},
		"long number":    {1, 0x91, 0x00, 1, 5},
		"long length":    {1, 0x11, 0x81, 0x00, 5},
		"endless number": {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"huge length":    {1, 0x11, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"twice":          {1, 0x11, 1, 5, 0x11, 1, 6},
		"out of order":   {1, 0x12, 1, 5, 0x11, 1, 6},
		"after the last": {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0, 0x11, 0},
	} {
		s := secret.From(bytes.Clone(b))
		if m, err := NewMaterial(s); ck.Code(err) != ck.CKR_DEVICE_ERROR || m != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s.Len() != len(b) {
			t.Errorf("%s: taken and refused", name)
		}
	}
	if _, err := NewMaterial(nil); err == nil {
		t.Error("nil is a material")
	}
}
