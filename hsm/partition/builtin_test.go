package partition

import (
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/service"
)

func (r *rig) found(who api.Caller, tmpl ...ck.Attribute) []api.ObjectID {
	r.t.Helper()
	ids, err := r.Find(who, tmpl)
	if err != nil {
		r.t.Fatal(err)
	}
	return ids
}

func TestBuiltInObjectsAreFound(t *testing.T) {
	r := newRig(t)
	public := api.Caller{Session: 1, ReadWrite: true}
	class := func(c ck.ObjectClass) ck.Attribute { return ck.Ulong(ck.CKA_CLASS, c) }
	mechanism := ck.Ulong(ck.CKA_MECHANISM_TYPE, ck.CKM_AES_ECB)
	for _, tt := range []struct {
		name string
		tmpl ck.Template
		want int
	}{
		{"everything", nil, len(profiles)},
		{"token objects", ck.Template{ck.Bool(ck.CKA_TOKEN, true)}, len(profiles)},
		{"session objects", ck.Template{ck.Bool(ck.CKA_TOKEN, false)}, 0},
		{"profiles", ck.Template{class(ck.CKO_PROFILE)}, len(profiles)},
		{"one profile", ck.Template{ck.Ulong(ck.CKA_PROFILE_ID, uint64(ck.CKP_PUBLIC_CERTIFICATES_TOKEN))}, 1},
		{"a profile not met", ck.Template{ck.Ulong(ck.CKA_PROFILE_ID, uint64(ck.CKP_COMPLETE_PROVIDER))}, 0},
		{"mechanisms", ck.Template{class(ck.CKO_MECHANISM)}, len(service.All())},
		{"one mechanism", ck.Template{class(ck.CKO_MECHANISM), mechanism}, 1},
		{"one mechanism by type", ck.Template{mechanism}, 1},
		{"a mechanism among profiles", ck.Template{class(ck.CKO_PROFILE), mechanism}, 0},
		{"certificates", ck.Template{class(ck.CKO_CERTIFICATE)}, 0},
		{"validations", ck.Template{class(ck.CKO_VALIDATION)}, 0},
		{"hardware features", ck.Template{class(ck.CKO_HW_FEATURE)}, 0},
	} {
		if got := r.found(public, tt.tmpl...); len(got) != tt.want {
			t.Errorf("%s: %d found, want %d", tt.name, len(got), tt.want)
		}
	}
	if n := r.Info().Objects; n != 0 {
		t.Errorf("%d token objects in an empty partition", n)
	}
}

// The profiles come first and are the same for everybody, whatever else there is.
func TestBuiltInObjectsAreTheSameEverywhere(t *testing.T) {
	r := newRig(t)
	before := r.found(api.Caller{})
	user := r.login(ck.CKU_USER, userPIN)
	key := r.generate(user, true, "k")
	if got := r.found(user); !slices.Equal(got, append(slices.Clone(before), key)) {
		t.Errorf("%x with a key, %x without", got, before)
	}
	other := newRig(t)
	if got := other.found(api.Caller{}); !slices.Equal(got, before) {
		t.Error("another partition has others")
	}
	if err := r.Logout(user.Identity); err != nil {
		t.Fatal(err)
	}
	if !r.Exists(api.Caller{}, before[0]) {
		t.Error("gone with the login")
	}
}

func TestBuiltInObjectsAreReadOnly(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	id := r.found(user)[0]
	want := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_PROFILE_ID}}, {Attribute: ck.Attribute{Type: ck.CKA_VALUE}}}
	expect(t, "read", r.Attributes(user, id, want), ck.CKR_OK)
	if v, ok := ck.ParseUlong(want[0].Value); !ok || v != ck.CKP_BASELINE_PROVIDER || want[1].RV != ck.CKR_ATTRIBUTE_TYPE_INVALID {
		t.Errorf("reads %v", want)
	}
	if n, err := r.ObjectSize(user, id); n < 50 || err != nil {
		t.Errorf("size %d, %v", n, err)
	}
	expect(t, "destroy", r.DestroyObject(user, id), ck.CKR_ACTION_PROHIBITED)
	expect(t, "change", r.SetAttributes(user, id, ck.Template{ck.String(ck.CKA_LABEL, "x")}), ck.CKR_ACTION_PROHIBITED)
	_, err := r.CopyObject(user, id, nil)
	expect(t, "copy", err, ck.CKR_ACTION_PROHIBITED)
	expect(t, "encrypt with it", func() error { _, err := encrypt(r.Partition, user, id); return err }(), ck.CKR_OBJECT_HANDLE_INVALID)
	user.ReadWrite = false
	expect(t, "destroy read-only", r.DestroyObject(user, id), ck.CKR_SESSION_READ_ONLY)
	expect(t, "change read-only", r.SetAttributes(user, id, nil), ck.CKR_SESSION_READ_ONLY)
	r.CloseSession(builtInSession)
	if !r.Exists(user, id) {
		t.Error("gone with a session")
	}
}

func trustTemplate(token bool) ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_TRUST), ck.Bool(ck.CKA_TOKEN, token),
		ck.String(ck.CKA_ISSUER, "issuer"), ck.String(ck.CKA_SERIAL_NUMBER, "serial"),
		ck.Bytes(ck.CKA_HASH_OF_CERTIFICATE, make([]byte, 20)), ck.Ulong(ck.CKA_TRUST_SERVER_AUTH, uint64(ck.CKT_TRUST_ANCHOR)),
	}
}

// Trust objects are objects like any other: public, kept, found by what they are about.
func TestTrustObjects(t *testing.T) {
	r := newRig(t)
	public := api.Caller{Session: 1, ReadWrite: true}
	id, err := r.CreateObject(public, trustTemplate(true))
	if err != nil {
		t.Fatal(err)
	}
	again := &rig{t: t, store: r.store, root: r.root, Partition: r.again()}
	about := ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_TRUST), ck.String(ck.CKA_ISSUER, "issuer"), ck.String(ck.CKA_SERIAL_NUMBER, "serial")}
	if got := again.found(api.Caller{}, about...); !slices.Equal(got, []api.ObjectID{id}) {
		t.Errorf("found %x, want %x", got, id)
	}
	_, err = r.CreateObject(api.Caller{Session: 1}, trustTemplate(true))
	expect(t, "read-only session", err, ck.CKR_SESSION_READ_ONLY)
	expect(t, "distrust", r.SetAttributes(public, id, ck.Template{ck.Ulong(ck.CKA_TRUST_SERVER_AUTH, uint64(ck.CKT_NOT_TRUSTED))}), ck.CKR_OK)
	expect(t, "destroy", r.DestroyObject(public, id), ck.CKR_OK)
}
