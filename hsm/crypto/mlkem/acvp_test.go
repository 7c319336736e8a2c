package mlkem

import (
	"bytes"
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/testvectors/acvp"
)

// TestACVP expands the seeds of NIST's vectors for key generation.
func TestACVP(t *testing.T) {
	ranks := map[string]int{"ML-KEM-768": 3, "ML-KEM-1024": 4}
	expanded := 0
	for _, key := range []string{"ML-KEM/keyGen", "ML-KEM-keyGen-FIPS203/keyGen"} {
		cases, err := acvp.Load(key)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			k := ranks[c.Text("parameterSet")]
			if k == 0 {
				continue
			}
			dk, err := Expand(k, slices.Concat(c.Bytes("d"), c.Bytes("z")), c.Bytes("ek"))
			if err != nil || !bytes.Equal(dk, c.Bytes("dk")) {
				t.Errorf("%s: %x, %v", c, dk, err)
			}
			expanded++
		}
	}
	if t.Logf("%d cases", expanded); expanded != 52 {
		t.Errorf("%d seeds were expanded", expanded)
	}
}
