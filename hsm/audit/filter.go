package audit

import (
	"path"
	"strings"
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Filter says which records are looked for: those that fit every field that is set.
type Filter struct {
	Act          string    // an Act, or a pattern of path.Match: use.*
	Object       string    // CKA_UNIQUE_ID in hex, or its beginning
	Who          string    // as Record.Who
	Result       string    // the name of a result, or Succeeded, or Failed
	Since, Until time.Time // both inclusive
}

// What Filter.Result may be beside the name of a result.
const (
	Succeeded = "ok"
	Failed    = "failed"
)

// Err is path.ErrBadPattern if Act is no pattern, or nil.
func (f *Filter) Err() error {
	_, err := path.Match(f.Act, "")
	return err
}

// Match reports whether r fits. A record of many uses is of the time from the first
// of them to the last.
func (f *Filter) Match(r *Record) bool {
	first, last := r.span()
	switch {
	case f.Act != "" && !matches(f.Act, string(r.Act)),
		f.Object != "" && (r.Object == "" || !strings.HasPrefix(r.Object, strings.ToLower(f.Object))),
		f.Who != "" && f.Who != r.Who,
		!f.Since.IsZero() && last.Before(f.Since),
		!f.Until.IsZero() && first.After(f.Until):
		return false
	}
	switch f.Result {
	case "":
		return true
	case Succeeded:
		return r.Succeeded()
	case Failed:
		return !r.Succeeded() && !r.Begun()
	}
	return strings.EqualFold(f.Result, r.Result)
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}

// Succeeded reports whether what r tells of was done.
func (r *Record) Succeeded() bool { return r.Result == ck.RV(ck.CKR_OK).Error() }

// Begun reports whether r was written before what it tells of, and another record, whose
// Of names this one, says how that ended.
func (r *Record) Begun() bool { return r.Result == ck.RV(ck.CKR_PENDING).Error() }

// span is when what r tells of was done.
func (r *Record) span() (first, last time.Time) {
	if r.First != nil && r.Last != nil {
		return *r.First, *r.Last
	}
	return r.Time, r.Time
}
