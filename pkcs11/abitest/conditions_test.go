package abitest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// row is one line of the table of conditions: what a function answers when it is
// called with args, and everything that before does has been done.
type row struct {
	function, condition string
	code                ck.RV
	before              func()
	args                []uintptr
}

// rows is the table, as far as it is written out; derived adds what can be derived
// from the rows that answer CKR_OK.
func (s *stage) rows() []row {
	return slices.Concat(s.generalRows(), s.sessionRows(), s.loginRows(), s.objectRows(), s.initRows(), s.cipherRows(), s.singlePartRows(), s.digestRows(), s.signRows(),
		s.verifyRows(), s.dualRows(), s.messageRows(), s.messageSignRows(), s.generateRows(), s.wrapRows(), s.unwrapRows(), s.deriveRows(), s.encapsulateRows(), s.asyncRows(), s.lockedRows())
}

// TestConditions is the table of function, condition and code. After each row the
// session must work as if nothing had been.
func TestConditions(t *testing.T) {
	s := newStage(t)
	seen := map[string]codes{}
	for _, r := range s.derived(s.rows()) {
		got := s.perform(r)
		if got != r.code {
			t.Errorf("%s, %s: %v, want %v", r.function, r.condition, got, r.code)
			continue
		}
		if seen[r.function] == nil {
			seen[r.function] = codes{}
		}
		seen[r.function][got] = true
	}
	for name, rv := range shared.uninitialized {
		if seen[name] == nil {
			seen[name] = codes{}
		}
		seen[name][rv] = true
	}
	complete(t, seen)
}

// perform does what comes before a row, makes its call, and sees that the session is
// usable.
func (s *stage) perform(r row) ck.RV {
	s.Helper()
	if r.before != nil {
		r.before()
	}
	rv := s.call(r.function, r.args...)
	for r.function == "C_AsyncComplete" && rv == ck.CKR_PENDING && r.code != rv {
		rv = s.call(r.function, r.args...)
	}
	for _, h := range []uintptr{s.h, s.async} {
		if cancelled := s.call("C_SessionCancel", h, ^uintptr(0)); cancelled != ck.CKR_OK {
			s.Fatalf("%s, %s: then C_SessionCancel %v", r.function, r.condition, cancelled)
		}
	}
	n := s.Ulongs(32)
	init, digest := s.call("C_DigestInit", s.h, s.sha), s.call("C_Digest", s.h, s.in, 16, s.box, Address(n))
	if init != ck.CKR_OK || digest != ck.CKR_OK {
		s.Errorf("%s, %s: the session is not usable: %v, %v", r.function, r.condition, init, digest)
	}
	return rv
}

// derived adds to the rows that answer CKR_OK: the same with each pointer NULL, with a
// bad session, without what came before, and twice.
func (s *stage) derived(rows []row) []row {
	all := slices.Clone(rows)
	by := map[string]function{}
	for _, f := range functions(s.T) {
		by[f.name] = f
	}
	for _, r := range rows {
		f := by[r.function]
		if len(r.args) != len(f.params) {
			s.Fatalf("%s, %s: %d arguments", r.function, r.condition, len(r.args))
		}
		if r.code != ck.CKR_OK || r.condition != "good" {
			continue
		}
		all = append(all, s.nulls(f, r)...)
		if f.onSession() {
			bad := slices.Clone(r.args)
			bad[0] = r.args[0] ^ 1<<40
			all = append(all, row{r.function, "no such session", ck.CKR_SESSION_HANDLE_INVALID, nil, bad})
		}
		if allAnswers()[f.name].listed[ck.CKR_OPERATION_NOT_INITIALIZED] && !strings.HasPrefix(f.name, "C_Login") {
			all = append(all, row{r.function, "no operation", ck.CKR_OPERATION_NOT_INITIALIZED, nil, r.args})
		}
		if strings.HasSuffix(f.name, "Init") {
			all = append(all, row{r.function, "twice", ck.CKR_OPERATION_ACTIVE, s.done(r.function, r.args...), r.args})
		}
	}
	return all
}

// nulls is r with NULL in the place of each pointer.
func (s *stage) nulls(f function, r row) []row {
	var all []row
	for i, p := range f.params {
		kind, name, _ := strings.Cut(p, " ")
		if !strings.HasSuffix(kind, "_PTR") && !strings.HasSuffix(kind, "_PTR_PTR") || r.args[i] == 0 {
			continue
		}
		args := slices.Clone(r.args)
		args[i] = 0
		code, other := ck.CKR_ARGUMENTS_BAD, nullCodes[f.name+" "+name]
		switch {
		case other != "":
			code = codeNamed(other)
		case i+1 < len(f.params) && strings.HasPrefix(f.params[i+1], "CK_ULONG_PTR "): // how long is it?
			code = ck.CKR_OK
		case name == "pMechanism" && strings.HasSuffix(f.name, "Init"): // no longer
			code = ck.CKR_OK
		case name == "pParameter":
			code = ck.CKR_MECHANISM_PARAM_INVALID
		}
		all = append(all, row{r.function, name + " is NULL", code, r.before, args})
	}
	return all
}

// nullCodes is what NULL means in one parameter of one function, where it has a
// meaning of its own: more of the message is to follow.
var nullCodes = map[string]string{"C_SignMessageNext pulSignatureLen": "OK", "C_VerifyMessageNext pSignature": "OK"}

// done is a call that must succeed, for before.
func (s *stage) done(name string, args ...uintptr) func() {
	return func() {
		s.Helper()
		if rv := s.call(name, args...); rv != ck.CKR_OK {
			s.Errorf("before: %s: %v", name, rv)
		}
	}
}

// all does one thing after the other.
func all(steps ...func()) func() {
	return func() {
		for _, do := range steps {
			do()
		}
	}
}

// room is an output length.
func (s *stage) room(n uintptr) uintptr { return Address(s.Ulongs(n)) }

// handle is where a handle goes.
func (s *stage) handle() uintptr { return s.room(0) }

// complete checks that each code that a function may answer has been seen, or has a
// reason not to be, but not both.
func complete(t *testing.T, seen map[string]codes) {
	t.Helper()
	reasons := map[string]bool{}
	for _, row := range table("never.tsv", 3) {
		rv, anybody := codeNamed(row[0]), row[1] == "*"
		for name, a := range allAnswers() {
			if !anybody && !slices.Contains(strings.Fields(row[1]), name) || anybody && !a.may(rv) {
				continue
			}
			switch key := fmt.Sprint(name, rv); {
			case seen[name][rv]:
				t.Errorf("%s: %v is said never to come (%s), and has come", name, rv, row[2])
			case !a.may(rv), reasons[key]:
				t.Errorf("%s: the reason for %v is one too many", name, rv)
			default:
				reasons[key] = true
			}
		}
	}
	for _, f := range functions(t) {
		a := allAnswers()[f.name]
		for _, set := range []codes{a.listed, a.general, a.beyond} {
			for rv := range set {
				if !seen[f.name][rv] && !reasons[fmt.Sprint(f.name, rv)] {
					t.Errorf("%s: nothing provokes %v, and never.tsv has no reason", f.name, rv)
				}
			}
		}
	}
}
