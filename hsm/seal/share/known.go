package share

import (
	"encoding/hex"
	"errors"
	"strconv"
)

// ErrKnown says that what was kept of a set cannot be read.
var ErrKnown = errors.New("what is known of the shares is damaged")

// The names that Params gives. They are part of the format of sealed root keys.
const (
	paramSet    = "set"
	paramNeeded = "needed"
	paramTotal  = "total"
	paramChecks = "checks"
)

// KnownOf is what whoever has dealt shares may keep of them: nothing secret.
func KnownOf(shares []*Share) Known {
	k := Known{Set: shares[0].Set}
	for _, s := range shares {
		k.Checks = append(k.Checks, s.Check())
	}
	return k
}

// Params writes it as names and values, without what the set is of.
func (k Known) Params() map[string]string {
	var checks []byte
	for _, c := range k.Checks {
		checks = append(checks, c[:]...)
	}
	return map[string]string{
		paramSet:    hex.EncodeToString(k.ID[:]),
		paramNeeded: strconv.Itoa(k.Needed),
		paramTotal:  strconv.Itoa(k.Total),
		paramChecks: hex.EncodeToString(checks),
	}
}

// ParseKnown reads what Params wrote: ErrKnown. of is in hexadecimal.
func ParseKnown(use Use, of string, params map[string]string) (Known, error) {
	k := Known{Set: Set{Use: use}}
	if !fill(k.Of[:], of) || !fill(k.ID[:], params[paramSet]) {
		return Known{}, ErrKnown
	}
	k.Needed, _ = strconv.Atoi(params[paramNeeded])
	k.Total, _ = strconv.Atoi(params[paramTotal])
	if !k.ok() {
		return Known{}, ErrKnown
	}
	checks := make([]byte, k.Total*CheckSize)
	if !fill(checks, params[paramChecks]) {
		return Known{}, ErrKnown
	}
	for i := range k.Total {
		k.Checks = append(k.Checks, [CheckSize]byte(checks[i*CheckSize:]))
	}
	return k, nil
}

// fill decodes hexadecimal digits, exactly as many as dst takes.
func fill(dst []byte, digits string) bool {
	if len(digits) != hex.EncodedLen(len(dst)) {
		return false
	}
	_, err := hex.Decode(dst, []byte(digits))
	return err == nil
}
