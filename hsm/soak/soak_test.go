package soak

import (
	"fmt"
	"strings"
	"testing"
)

// said is a test that fails, or not, and keeps what it says.
type said struct {
	failed bool
	log    strings.Builder
	end    func()
}

func (s *said) Cleanup(f func())             { s.end = f }
func (s *said) Failed() bool                 { return s.failed }
func (s *said) Logf(f string, args ...any)   { fmt.Fprintf(&s.log, f, args...) }
func (s *said) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }

// TestSeedIsTold by a test that fails, and makes the same choices again.
func TestSeedIsTold(t *testing.T) {
	t.Setenv("COFFER_SEED", "")
	var fine, failed said
	Random(&fine)
	fine.end()
	first := Random(&failed).Uint64()
	failed.failed = true
	failed.end()
	if fine.log.Len() != 0 {
		t.Errorf("a test that passes says %q", fine.log.String())
	}
	var seed string
	if _, err := fmt.Sscanf(failed.log.String(), "COFFER_SEED=%s", &seed); err != nil {
		t.Fatalf("%q: %v", failed.log.String(), err)
	}
	t.Setenv("COFFER_SEED", seed)
	if again := Random(t).Uint64(); again != first {
		t.Errorf("the seed gives %d, then %d", first, again)
	}
}

// TestSeedMustBeANumber: any other would be taken for none.
func TestSeedMustBeANumber(t *testing.T) {
	t.Setenv("COFFER_SEED", "x")
	defer func() {
		if recover() == nil {
			t.Error("a seed that is no number is taken")
		}
	}()
	Random(&said{})
}

func TestOr(t *testing.T) {
	defer func(was bool) { Long = was }(Long)
	for _, Long = range []bool{true, false} {
		if got := Or("long", "short"); (got == "long") != Long {
			t.Errorf("Long is %v: %s", Long, got)
		}
	}
}
