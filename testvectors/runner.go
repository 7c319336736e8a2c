package testvectors

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/p11"
	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// parts are the sizes of the parts in which data is handed over a second time:
// less than a block, a block, more, and several.
var parts = []int{1, 15, 16, 17, 3, 67}

// runner runs one file in one session.
type runner struct {
	*p11.Session
	token *p11.Token
	// foreign is that the module is not ours: it need not have every mechanism
	// or take every key, so that such tests are not applicable.
	foreign bool
	file    *wycheproof.File
	tally   Tally
}

// Run puts a file to the module in a session of its own.
func Run(token *p11.Token, foreign bool, file *wycheproof.File, run func(*runner, *wycheproof.Group)) (*Tally, error) {
	s, err := token.Session()
	if err != nil {
		return nil, err
	}
	r := &runner{Session: s, token: token, foreign: foreign, file: file, tally: Tally{Name: file.Name}}
	for i := range file.Groups {
		run(r, &file.Groups[i])
	}
	return &r.tally, s.Close()
}

// handle is a key of a test or a group, or the code by which it was refused.
type handle struct {
	p11.Key
	err   error
	short bool // where approved mode is enforced it may be refused for its size
}

func (r *runner) importKey(t p11.Template) handle {
	k, err := r.Import(t)
	return handle{k, err, tooShort(t)}
}

// with makes a key, uses it and destroys it.
func (r *runner) with(t p11.Template, use func(handle)) {
	k := r.importKey(t)
	use(k)
	if k.err == nil {
		if err := r.Destroy(k.Key); err != nil {
			r.tally.add(wrong, fmt.Sprintf("C_DestroyObject: %v", err))
		}
	}
}

// A trial is one way to ask what a test asks.
type trial struct {
	name string
	mech ck.MechanismType
	flag ck.Flags // the function that the module must list for mech
	want []byte   // nil where only acceptance counts
	do   func(p11.Key) ([]byte, error)
}

func (t trial) String() string { return fmt.Sprintf("%s, %s", t.mech, t.name) }

// check runs the trials of a test with a key and counts the test. A trial of a
// mechanism that the module does not list is wrong if the module is ours.
func (r *runner) check(c *wycheproof.Case, k handle, trials ...trial) {
	if r.foreign {
		if k.err != nil && c.Result == wycheproof.Valid {
			r.tally.skip("key refused")
			return
		}
		trials = slices.DeleteFunc(trials, func(t trial) bool { return !r.token.Lists(t.mech, t.flag) })
	}
	if len(trials) == 0 {
		r.tally.skip("mechanism missing")
		return
	}
	worst, byMode := passed, 0
	var messages []string
	for _, t := range trials {
		v, message := r.ask(c, k, t)
		if v == mayRefuse {
			byMode++
			continue
		}
		if worst = max(worst, v); v != passed {
			messages = append(messages, fmt.Sprintf("test %d (%s; %v; %s), %v: %s", c.ID, c.Comment, c.Flags, c.Result, t, message))
		}
	}
	if byMode == len(trials) {
		r.tally.skip(refusedByMode)
		return
	}
	r.tally.add(worst, messages...)
}

// mayRefuse is the verdict on a trial that the mode of the process refuses.
const mayRefuse verdict = -1

// ask runs a trial.
func (r *runner) ask(c *wycheproof.Case, k handle, t trial) (v verdict, message string) {
	got, err := r.try(t, k)
	if err == nil {
		r.tally.answer(t.mech, false)
		if c.HasFlag(otherValue) && !bytes.Equal(t.want, got) {
			err = errOtherValue
		}
	}
	if v, message = judge(c.Result, t.want, got, err); v != passed && inMode.refused(t.mech, k, err) {
		r.tally.answer(t.mech, true)
		return mayRefuse, ""
	}
	return v, message
}

// otherValue is the flag of tests whose answer is a judgement on a value: that is invalid
// if the module finds another one.
const otherValue = "OtherValue"

var errOtherValue = ck.Errorf(ck.CKR_DATA_INVALID, "the module finds another value")

var errNotListed = errors.New("not in the list of mechanisms")

func (r *runner) try(t trial, k handle) ([]byte, error) {
	if !r.token.Lists(t.mech, t.flag) {
		return nil, errNotListed
	}
	if k.err != nil {
		return nil, k.err
	}
	out, err := t.do(k.Key)
	if err != nil && r.foreign { // some modules leave the operation active
		err = errors.Join(err, r.Renew())
	}
	return out, err
}

// judge compares an answer with what was expected.
func judge(expected wycheproof.Result, want, got []byte, err error) (v verdict, message string) {
	switch {
	case err == nil && expected == wycheproof.Invalid:
		return wrong, "accepted"
	case err == nil && !bytes.Equal(want, got):
		return wrong, fmt.Sprintf("wrong value %x, not %x", got, want)
	case err == nil:
		return passed, ""
	case expected == wycheproof.Valid:
		return refused, "refused: " + err.Error()
	case !refusal(err):
		return oddCode, "refused, but with " + err.Error()
	}
	return passed, ""
}

// refusal reports whether err is a code about the input. The others tell that
// the module did not cope with it (PKCS #11 3.2, section 5.1).
func refusal(err error) bool {
	var rv ck.RV
	return errors.As(err, &rv) && !slices.Contains([]ck.RV{
		ck.CKR_GENERAL_ERROR, ck.CKR_FUNCTION_FAILED, ck.CKR_HOST_MEMORY,
		ck.CKR_DEVICE_ERROR, ck.CKR_DEVICE_MEMORY, ck.CKR_DEVICE_REMOVED,
		ck.CKR_FUNCTION_NOT_SUPPORTED, ck.CKR_OPERATION_ACTIVE, ck.CKR_OPERATION_NOT_INITIALIZED,
		ck.CKR_MECHANISM_INVALID, ck.CKR_BUFFER_TOO_SMALL, ck.CKR_CRYPTOKI_NOT_INITIALIZED,
	}, rv)
}
