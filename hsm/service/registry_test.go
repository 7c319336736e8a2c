package service

import (
	"slices"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

func TestAllMatchesLookup(t *testing.T) {
	all := All()
	if len(all) == 0 || len(all) != len(registry) {
		t.Fatalf("All lists %d mechanisms of %d", len(all), len(registry))
	}
	if !slices.IsSortedFunc(all, func(a, b api.MechanismInfo) int { return int(a.Type) - int(b.Type) }) {
		t.Error("All is not sorted")
	}
	for _, info := range all {
		m, ok := Lookup(info.Type)
		if !ok || *m.Info() != info {
			t.Errorf("Lookup(%v) = %v, %v", info.Type, m, ok)
		}
		if !strings.HasPrefix(info.Type.String(), "CKM_") || strings.HasPrefix(info.Type.String(), "CKM_0x") {
			t.Errorf("mechanism %v has no name", info.Type)
		}
	}
	if _, ok := Lookup(ck.CKM_VENDOR_DEFINED); ok {
		t.Error("Lookup finds what nobody registered")
	}
}

func TestInfoFlags(t *testing.T) {
	digest := func(*ck.Mechanism) (api.Digester, error) { return nil, nil }
	sign := func(*Key, *ck.Mechanism) (api.Signer, error) { return nil, nil }
	verify := func(*Key, *ck.Mechanism) (api.Verifier, error) { return nil, nil }
	m := Mechanism{Digest: digest, Sign: sign, Verify: verify, Extra: ck.CKF_EC_F_P, Min: 1, Max: 2}
	want := api.MechanismInfo{
		Min: 1, Max: 2, Registration: &m,
		Flags: ck.CKF_DIGEST | ck.CKF_SIGN | ck.CKF_VERIFY | ck.CKF_EC_F_P |
			ck.CKF_MESSAGE_SIGN | ck.CKF_MESSAGE_VERIFY | ck.CKF_MULTI_MESSAGE,
	}
	got := m.describe()
	if got.Bare == nil || got.Bare.Type != m.Type || got.Bare.Registration != &m {
		t.Errorf("without a parameter it is %+v", got.Bare)
	}
	got.Bare = nil
	if got != want {
		t.Errorf("describe = %+v, want %+v", got, want)
	}
}

// What a mechanism says of its registration is believed if it may be true.
func TestOf(t *testing.T) {
	ecb, cbc := mechanism(t, ck.CKM_AES_ECB), mechanism(t, ck.CKM_AES_CBC)
	twin := *ecb // not in the registry
	for _, c := range []struct {
		registration any
		want         *Mechanism
	}{{nil, ecb}, {ecb.Info().Registration, ecb}, {&twin, &twin}, {cbc, ecb}, {"foreign", ecb}} {
		if got, ok := Of(&ck.Mechanism{Type: ck.CKM_AES_ECB, Registration: c.registration}); !ok || got != c.want {
			t.Errorf("%v: %p, want %p", c.registration, got, c.want)
		}
	}
	if _, ok := Of(&ck.Mechanism{Type: ck.CKM_VENDOR_DEFINED, Registration: ecb}); ok {
		t.Error("Of finds what nobody registered")
	}
}

func TestRegisterRefuses(t *testing.T) {
	digest := func(*ck.Mechanism) (api.Digester, error) { return nil, nil }
	sign := func(*Key, *ck.Mechanism) (api.Signer, error) { return nil, nil }
	verify := func(*Key, *ck.Mechanism) (api.Verifier, error) { return nil, nil }
	keys := []ck.KeyType{ck.CKK_AES}
	const vendor = ck.CKM_VENDOR_DEFINED + 1
	for name, m := range map[string]Mechanism{
		"twice":       {Type: All()[0].Type, Digest: digest},
		"nothing":     {Type: vendor},
		"half a pair": {Type: vendor, Sign: sign, KeyTypes: keys},
		"no keys":     {Type: vendor, Sign: sign, Verify: verify},
		"needs none":  {Type: vendor, Digest: digest, KeyTypes: keys},
		"sizes":       {Type: vendor, Sign: sign, Verify: verify, KeyTypes: keys, Min: 2, Max: 1},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("register accepted it")
				}
				if _, ok := Lookup(vendor); ok {
					t.Error("it is in the registry")
				}
			}()
			register(m)
		})
	}
}
