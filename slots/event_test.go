package slots_test

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// Tokens that another process has made, exchanged and removed.
func TestSlotEvents(t *testing.T) {
	m := new(twin)
	made := func(label string) *twinPartition { return newTwinPartition(label, []byte("sopin")) }
	m.partitions = []*twinPartition{made("a"), made("b")}
	a := slots.New(m)
	expect := func(when string, want ...ck.SlotID) {
		t.Helper()
		for _, slot := range want {
			if got, err := a.WaitForSlotEvent(); got != slot || err != nil {
				t.Errorf("%s: slot %d, %v; want %d", when, got, err, slot)
			}
		}
		if got, err := a.WaitForSlotEvent(); ck.Code(err) != ck.CKR_NO_EVENT {
			t.Errorf("%s: slot %d too, %v", when, got, err)
		}
	}
	expect("at the start")
	m.partitions = append(m.partitions, made("c"))
	expect("one more", 3)
	if info, err := a.GetTokenInfo(3); err != nil || info.Label != "c" {
		t.Errorf("the slot told of: %q, %v", info.Label, err)
	}
	m.partitions[0], m.partitions = made("d"), m.partitions[:2]
	expect("one exchanged, one gone", 1, 3)
	m.partitions = append(m.partitions, made("e"))
	if slot, err := a.WaitForSlotEvent(); slot != 3 || err != nil {
		t.Error(slot, err)
	}
	m.partitions = m.partitions[:2]
	expect("gone again", 3)
}
