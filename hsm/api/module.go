package api

import "github.com/coffer-hsm/coffer/hsm/ck"

// Module is a whole Coffer: partitions in numbered slots.
type Module interface {
	// Refresh looks for partitions that other processes have made or removed.
	Refresh() error
	// Slots lists the slots: those with a partition by number, then the blank
	// one where the next partition goes, unless configuration hides it.
	Slots() []Slot
	// InitToken is C_InitToken: it makes a partition in the blank slot, or wipes
	// the one that is there if soPIN is its SO PIN.
	InitToken(slot ck.SlotID, soPIN []byte, label string) error
	// Mechanisms lists what the module can do, by mechanism type. The slice is
	// shared and not to be changed.
	Mechanisms() []MechanismInfo
	// Mechanism returns one of them, shared and not to be changed.
	Mechanism(t ck.MechanismType) (*MechanismInfo, bool)
	// Random fills dst with random bytes.
	Random(dst []byte) error
	// SeedRandom mixes seed into the generator, or refuses with
	// CKR_RANDOM_SEED_NOT_SUPPORTED.
	SeedRandom(seed []byte) error
	// Close logs everybody out, wipes what is in memory and closes the stores.
	Close() error
}

// Slot is a slot and what is in it. Partition is nil in the blank slot.
type Slot struct {
	ID        ck.SlotID
	Partition Partition
}

// MechanismInfo is CK_MECHANISM_INFO, and the shape of the parameter.
type MechanismInfo struct {
	Type     ck.MechanismType
	Min, Max uint64 // key sizes, in the unit the standard gives for the mechanism
	Flags    ck.Flags
	Param    ck.ParamKind
	// Registration is for the ck.Mechanism that is made of this; see there.
	Registration any
	// Bare is the ck.Mechanism without a parameter, shared and not to be changed; nil
	// where there is none ready.
	Bare *ck.Mechanism
}
