package share

import (
	"errors"
	"maps"
	"reflect"
	"testing"
)

func TestKnown(t *testing.T) {
	_, shares := deal(t, 2, 3)
	k := KnownOf(shares)
	got, err := ParseKnown(RootKey, "0102030405060708", k.Params())
	if err != nil || !reflect.DeepEqual(got, k) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, s := range shares {
		if err := k.Refuses(s); err != nil {
			t.Error(err)
		}
	}
	for name, bad := range map[string]string{
		"set": "00", "needed": "1", "total": "256", "checks": "zz",
	} {
		p := maps.Clone(k.Params())
		p[name] = bad
		if _, err := ParseKnown(RootKey, "0102030405060708", p); !errors.Is(err, ErrKnown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, of := range []string{"", "01", "010203040506070g", "010203040506070800"} {
		if _, err := ParseKnown(RootKey, of, k.Params()); !errors.Is(err, ErrKnown) {
			t.Errorf("of %q: %v", of, err)
		}
	}
}
