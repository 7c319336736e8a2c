package hsm

import (
	"strconv"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Naming is what a person's name for a partition goes by, the strongest first: where a
// label looks like another partition's number, the label wins.
type Naming int

// The ways to name a partition, each also exact with its prefix: label:1, slot:1.
const (
	NotNamed Naming = iota
	ByLabel
	BySerial
	BySlot
)

// namings are the prefixes and what each goes by.
var namings = []struct {
	prefix string
	of     func(label, serial string, slot ck.SlotID) string
}{
	ByLabel:  {"label:", func(label, _ string, _ ck.SlotID) string { return label }},
	BySerial: {"serial:", func(_, serial string, _ ck.SlotID) string { return serial }},
	BySlot:   {"slot:", func(_, _ string, slot ck.SlotID) string { return strconv.FormatUint(uint64(slot), 10) }},
}

// NamedBy says whether name means the partition with these, and by what. A label or
// serial number that is empty is not known, and named by nothing.
func NamedBy(name, label, serial string, slot ck.SlotID) Naming {
	for way := ByLabel; way <= BySlot; way++ {
		if rest, exact := strings.CutPrefix(name, namings[way].prefix); exact {
			return namedIf(rest != "" && rest == namings[way].of(label, serial, slot), way)
		}
	}
	for way := ByLabel; way <= BySlot; way++ {
		if name != "" && name == namings[way].of(label, serial, slot) {
			return way
		}
	}
	return NotNamed
}

func namedIf(is bool, way Naming) Naming {
	if is {
		return way
	}
	return NotNamed
}
