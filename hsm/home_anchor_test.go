package hsm

import (
	"errors"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/audit"
)

// memoryCounter is a Counter that is as good as its process.
type memoryCounter struct {
	value uint64 // 0: there is none
	fails error  // of Increment
}

var errNone = errors.New("no such counter")

func (c *memoryCounter) Name() string { return "memory" }
func (c *memoryCounter) Make() (uint64, error) {
	c.value = max(c.value, 1)
	return c.value, nil
}
func (c *memoryCounter) Value() (uint64, error) {
	if c.value == 0 {
		return 0, errNone
	}
	return c.value, nil
}
func (c *memoryCounter) Increment() error {
	if c.fails == nil {
		c.value++
	}
	return c.fails
}

func (c *memoryCounter) of(string) Counter { return c }

// TestAnchor: the log and its counter go together, also where anchoring was cut off
// between the two.
func TestAnchor(t *testing.T) {
	home := newHome(t, cheapPINs)
	m := open(t, home)
	must(t, m.InitToken(1, soPIN, "one"))
	c := &memoryCounter{}
	verify := func(want error) []audit.Checkpoint {
		t.Helper()
		heads, _, err := m.VerifyAnchor(c.of)
		if !errors.Is(err, want) {
			t.Fatalf("%v, want %v", err, want)
		}
		return heads
	}
	verify(ErrNotAnchored)
	if value, err := m.Anchor(c.of); err != nil || value != 2 || c.value != 2 {
		t.Fatalf("%d, counter %d: %v", value, c.value, err)
	}
	l, err := m.AuditLog(1)
	must(t, err)
	now, _, err := l.Checkpoint()
	must(t, err)
	if heads := verify(nil); len(heads) != 1 || heads[0].Name != l.Name() || heads[0].Size != now.Size || heads[0].Root != now.Root {
		t.Errorf("%+v, want %+v", heads, now)
	}
	c.fails = errNone
	if _, err := m.Anchor(c.of); !errors.Is(err, errNone) {
		t.Fatal(err)
	}
	verify(nil) // one ahead
	c.fails = nil
	if value, err := m.Anchor(c.of); err != nil || value != 3 {
		t.Fatalf("%d, %v", value, err)
	}
	verify(nil)
	c.value++
	verify(ErrOlderHome)
	c.value = 1
	verify(ErrOtherCounter)
	c.value = 0
	verify(errNone)
}

func TestParseHead(t *testing.T) {
	want := audit.Checkpoint{Name: "coffer-audit-1", Size: 7, Root: [32]byte{1, 2}}
	if got, err := parseHead(headText(want)); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"", "a 1", "a x y", "a 1 y", "a 1 AAAA"} {
		if _, err := parseHead(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}
