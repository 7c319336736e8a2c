package main

/*
#include "deferral.h"
*/
import "C"

import (
	"unsafe"

	"github.com/coffer-hsm/coffer/slots"
)

// deferrals are the notes by which the C side of this shell may answer an Init
// (deferral.c). They are C's memory, of which there is one for each copy of the core.
func deferrals() *slots.Deferrals {
	return (*slots.Deferrals)(unsafe.Pointer(&C.coffer_deferrals))
}

// Both sides have the same notes, or this does not compile.
var (
	_ [C.COFFER_DEFERRAL_ROWS]byte    = [slots.DeferralRows]byte{}
	_ [C.COFFER_DEFERRAL_OFFERED]byte = [slots.DeferralOffered]byte{}
	_ [C.COFFER_DEFERRAL_TAKEN]byte   = [slots.DeferralTaken]byte{}
	_ [C.COFFER_DEFERRAL_STEP]byte    = [slots.DeferralStep]byte{}
	_ [C.COFFER_DIGEST]byte           = [slots.DigestOperation]byte{}
	_ [C.COFFER_SIGN]byte             = [slots.SignOperation]byte{}

	theirs C.coffer_deferral
	ours   slots.Deferral
	all    C.coffer_deferral_table
	allOf  slots.Deferrals

	_ [unsafe.Sizeof(theirs)]byte             = [unsafe.Sizeof(ours)]byte{}
	_ [unsafe.Offsetof(theirs.state)]byte     = [unsafe.Offsetof(ours.State)]byte{}
	_ [unsafe.Offsetof(theirs.session)]byte   = [unsafe.Offsetof(ours.Session)]byte{}
	_ [unsafe.Offsetof(theirs.kind)]byte      = [unsafe.Offsetof(ours.Kind)]byte{}
	_ [unsafe.Offsetof(theirs.mechanism)]byte = [unsafe.Offsetof(ours.Mechanism)]byte{}
	_ [unsafe.Offsetof(theirs.key)]byte       = [unsafe.Offsetof(ours.Key)]byte{}
	_ [unsafe.Offsetof(theirs.epoch)]byte     = [unsafe.Offsetof(ours.Epoch)]byte{}
	_ [unsafe.Offsetof(all.epoch)]byte        = [unsafe.Offsetof(allOf.Epoch)]byte{}
	_ [unsafe.Offsetof(all.notes)]byte        = [unsafe.Offsetof(allOf.Notes)]byte{}
	_ [unsafe.Offsetof(theirs.pointer)]byte   = [unsafe.Offsetof(ours.Pointer)]byte{}
)
