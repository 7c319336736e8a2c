package partition

import (
	"sync"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/service"
)

// builtInSession stands where a session object has its session: like those, built-in
// objects have no record in the store.
const builtInSession = ^api.SessionID(0)

// profiles are the profiles that every partition conforms to (PKCS #11 Profiles 3.2,
// chapter 5). The Complete Provider is not among them, who has all mechanisms of the
// standard. Token certificates cannot be private, so that they are found without a
// login, as the Public Certificates Token has it. CKM_HKDF_DATA takes the two infos of
// the HKDF TLS Token under any policy.
var profiles = []struct {
	id    uint64
	label string
}{
	{ck.CKP_BASELINE_PROVIDER, "Baseline Provider"},
	{ck.CKP_EXTENDED_PROVIDER, "Extended Provider"},
	{ck.CKP_AUTHENTICATION_TOKEN, "Authentication Token"},
	{ck.CKP_PUBLIC_CERTIFICATES_TOKEN, "Public Certificates Token"},
	{ck.CKP_HKDF_TLS_TOKEN, "HKDF TLS Token"},
}

// builtIn are the objects that every partition has, the same ones in all of them.
type builtIn struct {
	profiles   []*entry
	mechanisms []*entry
	byID       map[api.ObjectID]*entry
}

// builtIns is made on first use, when all mechanisms are registered.
var builtIns = sync.OnceValue(func() *builtIn {
	b := &builtIn{byID: map[api.ObjectID]*entry{}}
	for _, p := range profiles {
		b.profiles = append(b.profiles, b.add(object.BuiltIn(ck.CKO_PROFILE, ck.CKA_PROFILE_ID, p.id, p.label)))
	}
	for _, m := range service.All() {
		o := object.BuiltIn(ck.CKO_MECHANISM, ck.CKA_MECHANISM_TYPE, uint64(m.Type), m.Type.String())
		b.mechanisms = append(b.mechanisms, b.add(o))
	}
	return b
})

func (b *builtIn) add(o *object.Object) *entry {
	e := &entry{id: o.ID(), object: o, session: builtInSession}
	b.byID[e.id] = e
	return e
}

// matching appends to ids the built-in objects that tmpl fits. Mechanisms are found by who
// asks for their class or type only: as with hardware features (section 4.3), programs
// that list everything are spared a hundred objects that they make nothing of.
func (b *builtIn) matching(ids []api.ObjectID, tmpl ck.Template) []api.ObjectID {
	candidates := b.profiles
	class, given := tmpl.Ulong(ck.CKA_CLASS)
	_, typed := tmpl.Find(ck.CKA_MECHANISM_TYPE)
	switch {
	case given && ck.ObjectClass(class) == ck.CKO_MECHANISM, typed && !given:
		candidates = b.mechanisms
	case given && ck.ObjectClass(class) != ck.CKO_PROFILE: // most searches
		return ids
	}
	for _, e := range candidates {
		if e.object.Matches(tmpl) {
			ids = append(ids, e.id)
		}
	}
	return ids
}
