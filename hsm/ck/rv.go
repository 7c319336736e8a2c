package ck

import (
	"errors"
	"fmt"
	"strings"
)

// RV is a return value of the standard (CK_RV, section 5.1). It is an error:
// functions return one where the caller of the C library must see just that
// code, and wrap it with Errorf where a person will want to know more.
type RV uint64

// Error gives the standard's name of the code.
func (rv RV) Error() string { return name(namesRV, "CKR_", rv) }

// String is Error, for printing a code that is not used as an error.
func (rv RV) String() string { return rv.Error() }

// codeError is an RV with the reason for it. errors.Is finds the RV, and what
// the reason itself wraps.
type codeError struct {
	rv    RV
	cause error
}

func (e *codeError) Unwrap() []error { return []error{e.rv, e.cause} }

// Error tells the code once, however often it was put around the cause.
func (e *codeError) Error() string {
	text, code := e.cause.Error(), " ("+e.rv.Error()+")"
	if strings.HasSuffix(text, code) {
		return text
	}
	return text + code
}

// Errorf returns an error whose code is rv and whose text says why. The text
// must never hold key material, a PIN, or anything computed from one.
func Errorf(rv RV, format string, args ...any) error {
	return &codeError{rv, fmt.Errorf(format, args...)}
}

// Code returns the RV that err carries: CKR_OK for nil and CKR_GENERAL_ERROR
// for an error that carries none.
func Code(err error) RV {
	if err == nil {
		return CKR_OK
	}
	if rv, ok := err.(RV); ok { // the hot path: no reflection
		return rv
	}
	var rv RV
	if errors.As(err, &rv) {
		return rv
	}
	return CKR_GENERAL_ERROR
}
