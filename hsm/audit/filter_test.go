package audit

import (
	"testing"
	"time"
)

func TestFilter(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	first, last := day(3), day(5)
	login := &Record{Time: day(2), Act: Login, Who: "so", Result: "CKR_PIN_INCORRECT"}
	signed := &Record{Time: day(6), Act: Sign, Who: "user", Result: "CKR_OK", Object: "0a1b2c", First: &first, Last: &last}
	for _, test := range []struct {
		name          string
		f             Filter
		login, signed bool
	}{
		{"nothing asked", Filter{}, true, true},
		{"act", Filter{Act: "login"}, true, false},
		{"act in part", Filter{Act: "use"}, false, false},
		{"pattern", Filter{Act: "use.*"}, false, true},
		{"no pattern", Filter{Act: "["}, false, false},
		{"object", Filter{Object: "0a1b2c"}, false, true},
		{"its beginning, in capitals", Filter{Object: "0A1"}, false, true},
		{"not its beginning", Filter{Object: "a1b"}, false, false},
		{"who", Filter{Who: "so"}, true, false},
		{"result", Filter{Result: "ckr_pin_incorrect"}, true, false},
		{"ok", Filter{Result: Succeeded}, false, true},
		{"failed", Filter{Result: Failed}, true, false},
		{"since, inclusive", Filter{Since: day(2)}, true, true},
		{"since the last use", Filter{Since: day(5)}, false, true},
		{"since after it", Filter{Since: day(6)}, false, false},
		{"until the first use", Filter{Until: day(3)}, true, true},
		{"until before both", Filter{Until: day(1)}, false, false},
		{"all must fit", Filter{Act: "login", Who: "user"}, false, false},
	} {
		if got := test.f.Match(login); got != test.login {
			t.Errorf("%s: the login %v", test.name, got)
		}
		if got := test.f.Match(signed); got != test.signed {
			t.Errorf("%s: the use %v", test.name, got)
		}
	}
	if (&Filter{Act: "["}).Err() == nil || (&Filter{Act: "use.*"}).Err() != nil {
		t.Error("what is a pattern and what is not")
	}
}
