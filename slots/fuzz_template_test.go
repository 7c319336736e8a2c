package slots_test

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// FuzzTemplates gives templates to every function that takes one.
func FuzzTemplates(f *testing.F) {
	for _, seed := range []string{"", "\x02\x01\x08\x00\x01", "\x01\x02\x05\x02\x03abcdefgh", "\x03\x07\x00\x00\x01\x02\x01\x01\x10", "\x04\x03\x19\x01\x08\x21\x03\x02\x00\x00\x01"} {
		f.Add([]byte(seed))
	}
	start := fuzzModule(f)
	f.Fuzz(func(t *testing.T, data []byte) { tryTemplate(start(t), data) })
}

func tryTemplate(u *fuzzed, data []byte) {
	s := &source{data}
	key := u.secretKey(ck.Bool(ck.CKA_DERIVE, true))
	tmpl := append(s.base(), s.template(2)...)
	note := func(function string, o ck.ObjectHandle, err error) {
		if u.check(function, err); err == nil {
			u.made(o)
			_ = u.app.DestroyObject(u.h, o)
		}
	}
	o, err := u.app.CreateObject(u.h, tmpl)
	note("C_CreateObject", o, err)
	o, err = u.app.CopyObject(u.h, key, tmpl)
	note("C_CopyObject", o, err)
	o, err = u.app.GenerateKey(u.h, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, tmpl)
	note("C_GenerateKey", o, err)
	o, err = u.app.DeriveKey(u.h, derive, key, tmpl)
	note("C_DeriveKey", o, err)
	u.check("C_FindObjectsInit", u.app.FindObjectsInit(u.h, tmpl))
	u.check("C_SetAttributeValue", u.app.SetAttributeValue(u.h, key, tmpl))
	var ask []api.AttributeResult
	for _, a := range tmpl {
		ask = append(ask, api.AttributeResult{Attribute: ck.Attribute{Type: a.Type}})
	}
	u.check("C_GetAttributeValue", u.app.GetAttributeValue(u.h, key, ask))
	for _, a := range ask {
		u.sealed(a.Value)
	}
	u.made(key)
	u.usable()
}
