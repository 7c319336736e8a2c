package main

/*
#include "front/core.h"
*/
import "C"

import (
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// cryptokiVersion is that of the standard.
var cryptokiVersion = cVersion{major: 3, minor: 2}

// libraryVersion is major and minor of hsm.Version.
func libraryVersion() cVersion {
	major, rest, _ := strings.Cut(hsm.Version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	return cVersion{major: number(major), minor: number(minor)}
}

// number is s as a part of a CK_VERSION; what is not one is 0.
func number(s string) C.CK_BYTE {
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil {
		return 0
	}
	return C.CK_BYTE(n)
}

// pad writes s into a field of the standard's: filled up with blanks, not
// terminated, and never cut in the middle of a character.
func pad(field []C.CK_UTF8CHAR, s string) {
	n := min(len(s), len(field))
	for n < len(s) && n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	dst := unsafe.Slice((*byte)(unsafe.Pointer(&field[0])), len(field))
	for i := copy(dst, s[:n]); i < len(dst); i++ {
		dst[i] = ' '
	}
}

func writeInfo(dst *cInfo) {
	*dst = cInfo{cryptokiVersion: cryptokiVersion, libraryVersion: libraryVersion()}
	pad(dst.manufacturerID[:], "Coffer")
	pad(dst.libraryDescription[:], "Coffer software HSM")
}

func writeSlotInfo(dst *cSlotInfo, info *slots.SlotInfo) {
	*dst = cSlotInfo{
		flags:           C.CK_FLAGS(info.Flags),
		firmwareVersion: libraryVersion(), // there is no hardware, so no version of it
	}
	pad(dst.slotDescription[:], info.Description)
	pad(dst.manufacturerID[:], info.Manufacturer)
}

func writeTokenInfo(dst *cTokenInfo, info *slots.TokenInfo) {
	*dst = cTokenInfo{
		flags:                C.CK_FLAGS(info.Flags),
		ulMaxSessionCount:    C.CK_ULONG(info.MaxSessions),
		ulSessionCount:       C.CK_ULONG(info.Sessions),
		ulMaxRwSessionCount:  C.CK_ULONG(info.MaxRWSessions),
		ulRwSessionCount:     C.CK_ULONG(info.RWSessions),
		ulMaxPinLen:          C.CK_ULONG(info.MaxPIN),
		ulMinPinLen:          C.CK_ULONG(info.MinPIN),
		ulTotalPublicMemory:  C.CK_ULONG(info.TotalPublic),
		ulFreePublicMemory:   C.CK_ULONG(info.FreePublic),
		ulTotalPrivateMemory: C.CK_ULONG(info.TotalPrivate),
		ulFreePrivateMemory:  C.CK_ULONG(info.FreePrivate),
		firmwareVersion:      libraryVersion(),
	}
	pad(dst.label[:], info.Label)
	pad(dst.manufacturerID[:], info.Manufacturer)
	pad(dst.model[:], info.Model)
	pad(dst.serialNumber[:], info.Serial)
	pad(dst.utcTime[:], "") // there is no CKF_CLOCK_ON_TOKEN
}

func writeSessionInfo(dst *cSessionInfo, info *slots.SessionInfo) {
	*dst = cSessionInfo{
		slotID:        C.CK_SLOT_ID(info.Slot),
		state:         C.CK_STATE(info.State),
		flags:         C.CK_FLAGS(info.Flags),
		ulDeviceError: C.CK_ULONG(info.DeviceError),
	}
}

//export coffer_C_GetInfo
func coffer_C_GetInfo(info C.CK_INFO_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	if info == nil {
		return C.CKR_ARGUMENTS_BAD
	}
	writeInfo(info)
	return C.CKR_OK
}

// onSlot is a function that tells something of a slot: ask gets it, write writes
// it to the caller.
func onSlot[T, X any](slot C.CK_SLOT_ID, dst *X, ask func(*slots.App, ck.SlotID) (T, error), write func(*X, *T)) C.CK_RV {
	app, rv := application()
	if app == nil {
		return rv
	}
	if dst == nil {
		return C.CKR_ARGUMENTS_BAD
	}
	info, err := ask(app, ck.SlotID(slot))
	if err != nil {
		return code(err)
	}
	write(dst, &info)
	return C.CKR_OK
}

//export coffer_C_GetSlotInfo
func coffer_C_GetSlotInfo(slot C.CK_SLOT_ID, info C.CK_SLOT_INFO_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	return onSlot(slot, info, (*slots.App).GetSlotInfo, writeSlotInfo)
}

//export coffer_C_GetTokenInfo
func coffer_C_GetTokenInfo(slot C.CK_SLOT_ID, info C.CK_TOKEN_INFO_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	return onSlot(slot, info, (*slots.App).GetTokenInfo, writeTokenInfo)
}
