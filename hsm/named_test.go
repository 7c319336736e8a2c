package hsm

import "testing"

func TestNamedBy(t *testing.T) {
	const label, serial, slot = "2", "00ff00ff00ff00ff", 4
	for name, want := range map[string]Naming{
		"2": ByLabel, serial: BySerial, "4": BySlot,
		"label:2": ByLabel, "serial:" + serial: BySerial, "slot:4": BySlot,
		"slot:2": NotNamed, "label:4": NotNamed, "serial:2": NotNamed, "slot:04": NotNamed,
		"": NotNamed, "slot:": NotNamed, "label:": NotNamed, "Label:2": NotNamed, "3": NotNamed,
	} {
		if got := NamedBy(name, label, serial, slot); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
	if NamedBy("", "", "", 4) != NotNamed || NamedBy("label:", "", "", 4) != NotNamed {
		t.Error("no name names a partition whose label is not known")
	}
	if NamedBy("slot:1", "slot:1", serial, 4) != NotNamed || NamedBy("label:slot:1", "slot:1", serial, 4) != ByLabel {
		t.Error("a label that begins as a slot does is named exactly only")
	}
}
