package shamir

import (
	"bytes"
	"encoding/hex"
	"errors"

	"github.com/coffer-hsm/coffer/fips"
)

// selfTest joins the shares of the test case in draft-mcgrew-tss-03, section 9, and
// makes them again from the line through the secret and the first of them.
var selfTest = fips.CAST("Shamir", func() error {
	decode := func(s string) []byte { b, _ := hex.DecodeString(s); return b }
	want := decode("7465737400")
	shares := [][]byte{decode("b9fa07e185"), decode("f5409b4511")}
	got := make([]byte, len(want))
	if err := join(got, []byte{1, 2}, shares); err != nil || !bytes.Equal(got, want) {
		return errors.New("wrong answer joining")
	}
	for i, b := range want {
		line := []byte{b, b ^ shares[0][i]}
		if evaluate(line, 2) != shares[1][i] {
			return errors.New("wrong answer splitting")
		}
	}
	return nil
})
