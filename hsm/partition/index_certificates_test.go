package partition

import (
	"fmt"
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// certificate is the template of number i, with a value that nobody can read: three share
// a subject, two a serial number in different forms.
func certificate(i int, token, private bool) ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_CERTIFICATE), ck.Ulong(ck.CKA_CERTIFICATE_TYPE, ck.CKC_X_509),
		ck.Bool(ck.CKA_TOKEN, token), ck.Bool(ck.CKA_PRIVATE, private),
		ck.String(ck.CKA_VALUE, fmt.Sprint("value ", i)), ck.String(ck.CKA_ISSUER, "issuer"),
		ck.String(ck.CKA_SUBJECT, fmt.Sprint("subject ", i/3)), ck.Bytes(ck.CKA_SERIAL_NUMBER, serial(i)),
	}
}

func serial(i int) []byte {
	if n := byte(i/2 + 1); i%2 == 0 {
		return []byte{2, 1, n}
	} else {
		return []byte{0, n}
	}
}

// certificateSearches are what clients search certificate i by, and how many it may be
// looked for among when there are no others than those of certificate.
func certificateSearches(i int) map[string]struct {
	ck.Template
	most int
} {
	class, all := ck.Ulong(ck.CKA_CLASS, ck.CKO_CERTIFICATE), certificate(i, true, false)
	value, issuer, subject := all[4], all[5], all[6]
	return map[string]struct {
		ck.Template
		most int
	}{
		"subject":           {ck.Template{class, subject}, 3},
		"value":             {ck.Template{class, value}, 1},
		"issuer and serial": {ck.Template{class, issuer, ck.Bytes(ck.CKA_SERIAL_NUMBER, []byte{byte(i/2 + 1)})}, 2},
		"framed serial":     {ck.Template{class, ck.Bytes(ck.CKA_SERIAL_NUMBER, []byte{2, 1, byte(i/2 + 1)})}, 2},
		"two frames":        {ck.Template{class, ck.Bytes(ck.CKA_SERIAL_NUMBER, []byte{2, 3, 2, 1, byte(i/2 + 1)})}, 2},
	}
}

// searched holds every search against looking at all objects one by one.
func (r *rig) searched(who api.Caller, when string, certificates int) {
	r.t.Helper()
	for i := range certificates {
		for name, s := range certificateSearches(i) {
			got := r.found(who, s.Template...)
			var want []api.ObjectID
			for _, e := range r.index.all {
				if r.visible(who, e.object) && r.matches(e, s.Template) {
					want = append(want, e.id)
				}
			}
			if !slices.Equal(got, want) {
				r.t.Fatalf("%s: %s of %d: found %x, not %x", when, name, i, got, want)
			}
			if n := len(r.candidates(s.Template)); n > s.most {
				r.t.Fatalf("%s: %s of %d: looked for among %d", when, name, i, n)
			}
		}
	}
}

// Certificates are found by what clients search them by without looking at all of them,
// whatever has become of them.
func TestSearchOfCertificates(t *testing.T) {
	const n = 24
	r := newRig(t)
	who := r.login(ck.CKU_USER, userPIN)
	var ids []api.ObjectID
	for i := range n {
		ids = append(ids, r.create(who, certificate(i, i%4 != 3, i%8 == 7)))
	}
	r.create(who, ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA), ck.String(ck.CKA_VALUE, "value 1")})
	r.searched(who, "made", n)
	if got := r.found(who, certificate(5, true, true)[4:5]...); len(got) != 1 || got[0] != ids[5] {
		t.Errorf("by the value alone: %x", got)
	}
	if got := r.found(who, certificate(0, true, true)[0], ck.Bytes(ck.CKA_SERIAL_NUMBER, nil)); len(got) != 0 {
		t.Errorf("by no serial number: %x", got)
	}

	for _, i := range []int{0, 3, 9} { // of the token and of the session
		if err := r.SetAttributes(who, ids[i], ck.Template{ck.Bytes(ck.CKA_SERIAL_NUMBER, serial(22))}); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.found(who, certificateSearches(22)["issuer and serial"].Template...); len(got) != 5 {
		t.Errorf("by the new number: %x", got)
	}
	for _, i := range []int{0, 3, 9, 10, 23} {
		if err := r.DestroyObject(who, ids[i]); err != nil {
			t.Fatal(err)
		}
	}
	r.searched(who, "changed and destroyed", n)

	if err := r.Logout(who.Identity); err != nil {
		t.Fatal(err)
	}
	r.searched(api.Caller{}, "logged out", n)
	r.searched(r.login(ck.CKU_USER, userPIN), "logged in again", n)
}

// Empty values are not in the index, and are found by looking.
func TestSearchOfCertificatesWithoutSubject(t *testing.T) {
	r := newRig(t)
	who := r.login(ck.CKU_USER, userPIN)
	class := ck.Ulong(ck.CKA_CLASS, ck.CKO_CERTIFICATE)
	bare := r.create(who, append(certificate(0, true, false)[:5], ck.Bytes(ck.CKA_SUBJECT, nil)))
	r.create(who, certificate(1, true, false))
	if got := r.found(who, class, ck.Bytes(ck.CKA_SUBJECT, nil)); len(got) != 1 || got[0] != bare {
		t.Errorf("%x", got)
	}
}
