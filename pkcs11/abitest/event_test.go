package abitest

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// TestSlotEvents asks without waiting; how it waits is for hosttest.
func TestSlotEvents(t *testing.T) {
	k := open(t)
	slot := k.Ulongs(99)
	const dontBlock = uintptr(ck.CKF_DONT_BLOCK)
	for k.call("C_WaitForSlotEvent", dontBlock, Address(slot), 0) == ck.CKR_OK {
		if uint64(shared.slot) != slot.At(0) {
			t.Errorf("slot %d", slot.At(0))
		}
	}
	k.want(ck.CKR_NO_EVENT, "C_WaitForSlotEvent", dontBlock, Address(slot), 0)
	k.want(ck.CKR_ARGUMENTS_BAD, "C_WaitForSlotEvent", dontBlock, 0, 0)
	k.want(ck.CKR_ARGUMENTS_BAD, "C_WaitForSlotEvent", dontBlock, Address(slot), Address(slot))
	k.want(ck.CKR_ARGUMENTS_BAD, "C_WaitForSlotEvent", 2, Address(slot), 0)
}

func TestValidationFlags(t *testing.T) {
	k := open(t)
	flags := k.Ulongs(99)
	k.ok("C_GetSessionValidationFlags", k.h, ck.CKS_LAST_VALIDATION_OK, Address(flags))
	if flags.At(0) != 0 {
		t.Errorf("flags %#x: there is no validation", flags.At(0))
	}
	k.want(ck.CKR_ARGUMENTS_BAD, "C_GetSessionValidationFlags", k.h, ck.CKS_LAST_VALIDATION_OK, 0)
	k.want(ck.CKR_ARGUMENTS_BAD, "C_GetSessionValidationFlags", k.h, 2, Address(flags))
}
