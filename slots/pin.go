package slots

import "github.com/coffer-hsm/coffer/hsm/ck"

// EndlessPIN stands, in every method that takes a PIN, for one of a length that no PIN
// has, so that nobody reads it: who hands it on cannot say what is wrong, as the session,
// the token and the login are looked at first. It is answered as a wrong PIN is, or where
// a new one is meant with CKR_PIN_LEN_RANGE, and not counted as a try.
var EndlessPIN = new([1]byte)[:0]

// wrongPIN answers for a PIN that is not to be tried, CKR_PIN_INCORRECT.
func wrongPIN(pin []byte) error {
	if endless(pin) {
		return ck.CKR_PIN_INCORRECT
	}
	return nil
}

// newPIN answers for a PIN that cannot be set, CKR_PIN_LEN_RANGE.
func newPIN(pin []byte) error {
	if endless(pin) {
		return ck.CKR_PIN_LEN_RANGE
	}
	return nil
}

func endless(pin []byte) bool {
	return pin != nil && len(pin) == 0 && cap(pin) > 0 && &pin[:1][0] == &EndlessPIN[:1][0]
}
