package ck

import (
	"strings"
	"testing"
)

// The word for a use is the name of its attribute, as one writes words.
func TestUses(t *testing.T) {
	for _, u := range Uses {
		name := strings.TrimPrefix(u.Attribute.String(), "CKA_")
		if want := strings.ReplaceAll(strings.ToLower(name), "_", "-"); u.Word != want {
			t.Errorf("%v is %q, not %q", u.Attribute, u.Word, want)
		}
	}
}
