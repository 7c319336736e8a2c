package partition

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
)

// hkdfKey makes a key to derive by HKDF from: of a value, or generated.
func (r *rig) hkdfKey(who api.Caller, value []byte, tmpl ...ck.Attribute) api.ObjectID {
	r.t.Helper()
	var id api.ObjectID
	var err error
	if value != nil {
		id, err = r.CreateObject(who, join(hkdfType, on(ck.CKA_DERIVE), ck.Template{ck.Bytes(ck.CKA_VALUE, value)}, tmpl))
	} else {
		id, err = r.GenerateKey(who, hkdfGen, join(bits256, tmpl))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

func (r *rig) value(who api.Caller, id api.ObjectID) []byte {
	r.t.Helper()
	value := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_VALUE}}}
	if err := r.Attributes(who, id, value); err != nil || value[0].RV != ck.CKR_OK {
		r.t.Fatal(err, value[0].RV)
	}
	return value[0].Value
}

// TestDeriveData: what TLS needs to know in the clear is a data object, as private as
// the key, and no key comes of the same info.
func TestDeriveData(t *testing.T) {
	for _, policy := range []string{object.StrictPolicy, object.StandardPolicy} {
		r := newRigWith(t, Options{Policy: policy})
		user := r.login(ck.CKU_USER, userPIN)
		strict := policy == object.StrictPolicy
		value := bytes.Repeat([]byte{7}, 32)
		key := r.hkdfKey(user, value, lifting(on(ck.CKA_SENSITIVE)...)...)
		for _, c := range []struct {
			info      string
			data, key bool // what the strict policy allows
		}{{"\x00\x0ctls iv\x00", true, false}, {"\x00\x0ctls quic iv\x00", true, false}, {"\x00\x10\x09tls13 key\x00", false, true}} {
			p := ck.HKDFParams{Expand: true, Info: []byte(c.info)}
			id, err := r.DeriveKey(user, hkdfBy(ck.CKM_HKDF_DATA, p), key, ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(12))})
			if allowed := c.data || !strict; (err == nil) != allowed || !allowed && ck.Code(err) != ck.CKR_MECHANISM_PARAM_INVALID {
				t.Errorf("%s, data of %q: %v", policy, c.info, err)
			} else if allowed {
				want, _ := hkdf.Expand(sha256.New, value, c.info, 12)
				if o := r.held(id).object; o.Class() != ck.CKO_DATA || !o.Bool(ck.CKA_PRIVATE) || !bytes.Equal(r.value(user, id), want) {
					t.Errorf("%s, data of %q: %v", policy, c.info, o.Class())
				}
			}
			_, err = r.DeriveKey(user, hkdfBy(ck.CKM_HKDF_DERIVE, p), key, join(aesKey, ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(16))}))
			if allowed := c.key || !strict; (err == nil) != allowed {
				t.Errorf("%s, key of %q: %v", policy, c.info, err)
			}
		}
	}
}

func TestDeriveDataTemplates(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	key := r.hkdfKey(user, nil)
	m := hkdfBy(ck.CKM_HKDF_DATA, ck.HKDFParams{Expand: true, Info: []byte(ivInfo)})
	for _, c := range []struct {
		name string
		tmpl ck.Template
		want ck.RV
	}{
		{"data", join(bits256, ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA), ck.String(ck.CKA_LABEL, "iv"), ck.Bool(ck.CKA_TOKEN, true)}), ck.CKR_OK},
		{"not private", join(bits256, off(ck.CKA_PRIVATE)), ck.CKR_OK},
		{"a key", join(bits256, aesKey), ck.CKR_TEMPLATE_INCONSISTENT},
		{"a key type", join(bits256, aesKey[1:]), ck.CKR_TEMPLATE_INCONSISTENT},
		{"a value", join(bits256, ck.Template{ck.String(ck.CKA_VALUE, "x")}), ck.CKR_TEMPLATE_INCONSISTENT},
		{"no length", nil, ck.CKR_TEMPLATE_INCOMPLETE},
		{"a wild length", ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(1)<<63)}, ck.CKR_KEY_SIZE_RANGE},
	} {
		_, err := r.DeriveKey(user, m, key, c.tmpl)
		expect(t, c.name, err, c.want)
	}
}

// TestSaltKey: the key in the place of the salt is held to all that the base key is.
func TestSaltKey(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	open := r.hkdfKey(user, []byte("known to everybody"), readable...)
	secret, letsOut := r.hkdfKey(user, nil), r.hkdfKey(user, nil, lifting(on(ck.CKA_EXTRACTABLE)...)...)
	mute := r.hkdfKey(user, nil, off(ck.CKA_DERIVE)...)
	elsewhere := r.hkdfKey(user, nil, ck.Attribute{Type: ck.CKA_ALLOWED_MECHANISMS, Value: ck.AppendUlong(nil, uint64(ck.CKM_HKDF_DATA))})
	for _, c := range []struct {
		name       string
		base, salt api.ObjectID
		tmpl       ck.Template
		want       ck.RV
	}{
		{"readable", open, open, readable, ck.CKR_OK},
		{"readable, of a secret salt", open, secret, readable, ck.CKR_TEMPLATE_INCONSISTENT},
		{"readable, of a secret base", secret, open, readable, ck.CKR_TEMPLATE_INCONSISTENT},
		{"to leave, of a secret salt", open, secret, on(ck.CKA_EXTRACTABLE), ck.CKR_TEMPLATE_INCONSISTENT},
		{"to leave, of a salt that lets it", open, letsOut, on(ck.CKA_EXTRACTABLE), ck.CKR_OK},
		{"to leave, of a salt that lets it, and a base that does not", secret, letsOut, on(ck.CKA_EXTRACTABLE), ck.CKR_TEMPLATE_INCONSISTENT},
		{"to stay, of a salt that has it leave", open, letsOut, off(ck.CKA_EXTRACTABLE), ck.CKR_TEMPLATE_INCONSISTENT},
		{"to derive, of a secret salt", open, secret, on(ck.CKA_DERIVE), ck.CKR_TEMPLATE_INCONSISTENT},
		{"a salt that does not derive", open, mute, nil, ck.CKR_KEY_FUNCTION_NOT_PERMITTED},
		{"a salt for another mechanism", open, elsewhere, nil, ck.CKR_MECHANISM_INVALID},
		{"a salt of another type", open, r.secretKey(user, on(ck.CKA_DERIVE)...), nil, ck.CKR_KEY_TYPE_INCONSISTENT},
		{"no such salt", open, api.ObjectID{1}, nil, ck.CKR_OBJECT_HANDLE_INVALID},
		{"sensitive", open, secret, nil, ck.CKR_OK},
	} {
		m := hkdfBy(ck.CKM_HKDF_DERIVE, ck.HKDFParams{Extract: true, SaltType: ck.CKF_HKDF_SALT_KEY, SaltID: c.salt})
		_, err := r.DeriveKey(user, m, c.base, join(aesKey, c.tmpl))
		expect(t, c.name, err, c.want)
	}
	salted := hkdfBy(ck.CKM_HKDF_DERIVE, ck.HKDFParams{Extract: true, SaltType: ck.CKF_HKDF_SALT_KEY, SaltID: open})
	id, err := r.DeriveKey(user, salted, open, join(hkdfType, readable))
	if err != nil {
		t.Fatal(err)
	}
	want, _ := hkdf.Extract(sha256.New, []byte("known to everybody"), []byte("known to everybody"))
	if got := r.value(user, id); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}
