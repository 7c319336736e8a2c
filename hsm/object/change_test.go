package object

import (
	"bytes"
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

func TestSet(t *testing.T) {
	open := plus(aesTemplate(), ck.Bool(ck.CKA_SENSITIVE, false), ck.Bool(ck.CKA_EXTRACTABLE, true))
	flag := func(a ck.AttributeType, v bool) ck.Template { return ck.Template{ck.Bool(a, v)} }
	tests := []struct {
		name string
		from ck.Template
		set  ck.Template
		so   bool
		want ck.RV
	}{
		{"nothing", aesTemplate(), nil, false, ck.CKR_OK},
		{"label", aesTemplate(), ck.Template{ck.String(ck.CKA_LABEL, "x")}, false, ck.CKR_OK},
		{"empty id", aesTemplate(), ck.Template{ck.Bytes(ck.CKA_ID, nil)}, false, ck.CKR_OK},
		{"use", aesTemplate(), flag(ck.CKA_SIGN, false), false, ck.CKR_OK},
		{"data", dataTemplate(), ck.Template{value(3)}, false, ck.CKR_OK},
		{"subject", rsaPrivateTemplate(), ck.Template{bytesOf(ck.CKA_SUBJECT)}, false, ck.CKR_OK},

		{"unmodifiable", plus(aesTemplate(), ck.Bool(ck.CKA_MODIFIABLE, false)), ck.Template{ck.String(ck.CKA_LABEL, "x")}, false, ck.CKR_ACTION_PROHIBITED},
		{"unmodifiable for the SO", plus(aesTemplate(), ck.Bool(ck.CKA_MODIFIABLE, false)), ck.Template{ck.String(ck.CKA_LABEL, "x")}, true, ck.CKR_ACTION_PROHIBITED},

		{"class", aesTemplate(), ck.Template{class(ck.CKO_DATA)}, false, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"key type", aesTemplate(), ck.Template{keyTypeOf(ck.CKK_AES)}, false, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"token", aesTemplate(), flag(ck.CKA_TOKEN, true), false, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"private", aesTemplate(), flag(ck.CKA_PRIVATE, false), false, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"modifiable", aesTemplate(), flag(ck.CKA_MODIFIABLE, false), false, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"local", aesTemplate(), flag(ck.CKA_LOCAL, true), false, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"id of all", aesTemplate(), ck.Template{ck.String(ck.CKA_UNIQUE_ID, "x")}, false, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"value", open, ck.Template{value(16)}, false, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"modulus", rsaPublicTemplate(), ck.Template{bytesOf(ck.CKA_MODULUS)}, false, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"wrap template", aesTemplate(), ck.Template{{Type: ck.CKA_WRAP_TEMPLATE, Nested: []ck.Attribute{}}}, false, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"mechanisms", aesTemplate(), ck.Template{ck.Bytes(ck.CKA_ALLOWED_MECHANISMS, nil)}, false, ck.CKR_ATTRIBUTE_READ_ONLY},

		{"to sensitive", open, flag(ck.CKA_SENSITIVE, true), false, ck.CKR_OK},
		{"from sensitive", aesTemplate(), flag(ck.CKA_SENSITIVE, false), false, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"sensitive again", aesTemplate(), flag(ck.CKA_SENSITIVE, true), false, ck.CKR_OK},
		{"to unextractable", open, flag(ck.CKA_EXTRACTABLE, false), false, ck.CKR_OK},
		{"from unextractable", aesTemplate(), flag(ck.CKA_EXTRACTABLE, true), false, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"from unextractable by the SO", aesTemplate(), flag(ck.CKA_EXTRACTABLE, true), true, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"to wrap with trusted", aesTemplate(), flag(ck.CKA_WRAP_WITH_TRUSTED, true), false, ck.CKR_OK},
		{"from wrap with trusted", plus(aesTemplate(), ck.Bool(ck.CKA_WRAP_WITH_TRUSTED, true)), flag(ck.CKA_WRAP_WITH_TRUSTED, false), false, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"to uncopyable", aesTemplate(), flag(ck.CKA_COPYABLE, false), false, ck.CKR_OK},
		{"from uncopyable", plus(aesTemplate(), ck.Bool(ck.CKA_COPYABLE, false)), flag(ck.CKA_COPYABLE, true), false, ck.CKR_ATTRIBUTE_READ_ONLY},

		{"trust", aesTemplate(), flag(ck.CKA_TRUSTED, true), false, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"trust by the SO", aesTemplate(), flag(ck.CKA_TRUSTED, true), true, ck.CKR_OK},
		{"trust nobody", aesTemplate(), flag(ck.CKA_TRUSTED, false), false, ck.CKR_OK},

		{"unknown", aesTemplate(), ck.Template{bytesOf(ck.CKA_VENDOR_DEFINED)}, false, ck.CKR_ATTRIBUTE_TYPE_INVALID},
		{"of another class", aesTemplate(), ck.Template{bytesOf(ck.CKA_MODULUS)}, false, ck.CKR_ATTRIBUTE_TYPE_INVALID},
		{"unfit", aesTemplate(), ck.Template{bytesOf(ck.CKA_SIGN)}, false, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"two labels", aesTemplate(), ck.Template{ck.String(ck.CKA_LABEL, "x"), ck.String(ck.CKA_LABEL, "y")}, false, ck.CKR_TEMPLATE_INCONSISTENT},
		{"to and fro", open, ck.Template{ck.Bool(ck.CKA_SENSITIVE, true), ck.Bool(ck.CKA_SENSITIVE, false)}, false, ck.CKR_TEMPLATE_INCONSISTENT},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, _ := create(t, tt.from)
			before := o.Encode()
			c, err := o.Set(tt.set, tt.so)
			wantCode(t, err, tt.want)
			if !bytes.Equal(o.Encode(), before) {
				t.Error("the object has changed")
			}
			if err != nil {
				if c != nil {
					t.Error("gives an object and an error")
				}
				return
			}
			if c.ID() != o.ID() || !c.Matches(tt.set) {
				t.Error("the new object is not what was asked for")
			}
		})
	}
}

// TestHeld: what a change leaves no way back from is told, and nothing else.
func TestHeld(t *testing.T) {
	open, _ := create(t, plus(aesTemplate(), ck.Bool(ck.CKA_SENSITIVE, false), ck.Bool(ck.CKA_EXTRACTABLE, true)))
	set, err := open.Set(ck.Template{
		ck.Bool(ck.CKA_SENSITIVE, true), ck.Bool(ck.CKA_COPYABLE, true), ck.Bool(ck.CKA_EXTRACTABLE, false),
		ck.Bool(ck.CKA_SIGN, false), ck.String(ck.CKA_LABEL, "x"),
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	got := open.Held(set)
	slices.Sort(got)
	if want := []ck.AttributeType{ck.CKA_SENSITIVE, ck.CKA_EXTRACTABLE}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := set.Held(set); len(got) > 0 {
		t.Errorf("by nothing: %v", got)
	}
}

func TestSetKeepsHistory(t *testing.T) {
	o, _ := create(t, plus(aesTemplate(), ck.Bool(ck.CKA_SENSITIVE, false), ck.Bool(ck.CKA_EXTRACTABLE, true)))
	c, err := o.Set(ck.Template{ck.Bool(ck.CKA_SENSITIVE, true), ck.Bool(ck.CKA_EXTRACTABLE, false), ck.Bool(ck.CKA_SIGN, false)}, false)
	if err != nil {
		t.Fatal(err)
	}
	wantBool(t, c, ck.CKA_ALWAYS_SENSITIVE, false)
	wantBool(t, c, ck.CKA_NEVER_EXTRACTABLE, false)
	if c.Permits(ck.CKA_SIGN) || !o.Permits(ck.CKA_SIGN) {
		t.Error("uses did not follow the attribute")
	}
}

func TestTrustedObjects(t *testing.T) {
	trusted, _ := build(t, Request{SO: true, Template: plus(aesTemplate(), ck.Bool(ck.CKA_TRUSTED, true), ck.Bool(ck.CKA_WRAP, true))})
	decrypt := ck.Template{ck.Bool(ck.CKA_DECRYPT, true)}
	if _, err := trusted.Set(decrypt, false); ck.Code(err) != ck.CKR_ACTION_PROHIBITED {
		t.Error("a user changes a trusted key:", err)
	}
	if _, err := trusted.Set(decrypt, true); err != nil {
		t.Error("the SO does not change a trusted key:", err)
	}
	c, _, err := trusted.Copy(decrypt, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	wantBool(t, c, ck.CKA_TRUSTED, false)
	c, _, err = trusted.Copy(nil, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	wantBool(t, c, ck.CKA_TRUSTED, true)
	_, _, err = trusted.Copy(ck.Template{ck.Bool(ck.CKA_TRUSTED, true)}, nil, false)
	wantCode(t, err, ck.CKR_ATTRIBUTE_READ_ONLY)
}

func TestCopy(t *testing.T) {
	open := plus(aesTemplate(), ck.Bool(ck.CKA_SENSITIVE, false), ck.Bool(ck.CKA_EXTRACTABLE, true))
	tests := []struct {
		name string
		from ck.Template
		with ck.Template
		want ck.RV
	}{
		{"as it is", aesTemplate(), nil, ck.CKR_OK},
		{"to the token", aesTemplate(), ck.Template{ck.Bool(ck.CKA_TOKEN, true)}, ck.CKR_OK},
		{"from the token", plus(aesTemplate(), ck.Bool(ck.CKA_TOKEN, true)), ck.Template{ck.Bool(ck.CKA_TOKEN, false)}, ck.CKR_OK},
		{"label", aesTemplate(), ck.Template{ck.String(ck.CKA_LABEL, "copy")}, ck.CKR_OK},
		{"to unmodifiable", aesTemplate(), ck.Template{ck.Bool(ck.CKA_MODIFIABLE, false)}, ck.CKR_OK},
		{"of unmodifiable", plus(aesTemplate(), ck.Bool(ck.CKA_MODIFIABLE, false)), ck.Template{ck.Bool(ck.CKA_MODIFIABLE, true)}, ck.CKR_OK},
		{"to indestructible", aesTemplate(), ck.Template{ck.Bool(ck.CKA_DESTROYABLE, false)}, ck.CKR_OK},
		{"to private", plus(aesTemplate(), ck.Bool(ck.CKA_PRIVATE, false)), ck.Template{ck.Bool(ck.CKA_PRIVATE, true)}, ck.CKR_OK},
		{"to public", aesTemplate(), ck.Template{ck.Bool(ck.CKA_PRIVATE, false)}, ck.CKR_TEMPLATE_INCONSISTENT},
		{"to sensitive", open, ck.Template{ck.Bool(ck.CKA_SENSITIVE, true)}, ck.CKR_OK},
		{"from sensitive", aesTemplate(), ck.Template{ck.Bool(ck.CKA_SENSITIVE, false)}, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"to unextractable", open, ck.Template{ck.Bool(ck.CKA_EXTRACTABLE, false)}, ck.CKR_OK},
		{"from unextractable", aesTemplate(), ck.Template{ck.Bool(ck.CKA_EXTRACTABLE, true)}, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"of uncopyable", plus(aesTemplate(), ck.Bool(ck.CKA_COPYABLE, false)), nil, ck.CKR_ACTION_PROHIBITED},
		{"class", aesTemplate(), ck.Template{class(ck.CKO_SECRET_KEY)}, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"value", open, ck.Template{value(16)}, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"local", aesTemplate(), ck.Template{ck.Bool(ck.CKA_LOCAL, true)}, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"unknown", aesTemplate(), ck.Template{bytesOf(0x7777)}, ck.CKR_ATTRIBUTE_TYPE_INVALID},
		{"always authenticate", rsaPrivateTemplate(), ck.Template{ck.Bool(ck.CKA_ALWAYS_AUTHENTICATE, true)}, ck.CKR_ATTRIBUTE_READ_ONLY},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, m := create(t, tt.from)
			c, cm, err := o.Copy(tt.with, m, false)
			wantCode(t, err, tt.want)
			if err != nil {
				if c != nil || cm != nil {
					t.Error("gives a copy and an error")
				}
				return
			}
			if c.ID() == o.ID() || bytes.Equal(c.Bytes(ck.CKA_UNIQUE_ID), o.Bytes(ck.CKA_UNIQUE_ID)) {
				t.Error("the copy has the id of the original")
			}
			if !c.Matches(tt.with) {
				t.Error("the copy is not what was asked for")
			}
			m.Zero()
			if v, _ := cm.Get(ck.CKA_VALUE); !bytes.Equal(v, fill(16)) {
				t.Errorf("the copy's value is %x", v)
			}
		})
	}
}

func TestCopyWithoutMaterial(t *testing.T) {
	o, m := create(t, dataTemplate())
	c, cm, err := o.Copy(nil, m, false)
	if err != nil || cm != nil || !bytes.Equal(c.Encode(), o.Encode()) {
		t.Error("the copy differs", err)
	}
}

func TestCopyKeepsHistory(t *testing.T) {
	made := plus(aesTemplate(), ck.Ulong(ck.CKA_VALUE_LEN, uint64(16)))
	o, _ := build(t, Request{Origin: Generated, Mechanism: ck.CKM_AES_KEY_GEN, Made: made})
	c, _, err := o.Copy(ck.Template{ck.Bool(ck.CKA_TOKEN, true)}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []ck.AttributeType{ck.CKA_LOCAL, ck.CKA_ALWAYS_SENSITIVE, ck.CKA_NEVER_EXTRACTABLE} {
		wantBool(t, c, a, true)
	}
	if !c.Token() || o.Token() {
		t.Error("the copy is where the original is")
	}
}
