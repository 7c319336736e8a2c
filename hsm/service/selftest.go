package service

import (
	"github.com/coffer-hsm/coffer/fips"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Ready returns nil, or CKR_FIPS_SELF_TEST_FAILED if the module is in the error
// state and must refuse every cryptographic service. It costs one load.
func Ready() error {
	if err := fips.Failed(); err != nil {
		return refusal(err)
	}
	return nil
}

// refusal turns the error of setting up a primitive into a code: that of Ready,
// or, as primitives refuse nothing else, CKR_MECHANISM_PARAM_INVALID.
func refusal(err error) error {
	if fips.Failed() != nil {
		return ck.Errorf(ck.CKR_FIPS_SELF_TEST_FAILED, "%w", err)
	}
	return ck.Errorf(ck.CKR_MECHANISM_PARAM_INVALID, "%w", err)
}
