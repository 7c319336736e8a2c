package main

/*
#include "front/core.h"

// CK_GCM_PARAMS as the text of PKCS #11 2.40 prints it: without the ulIvBits of
// the header. Both are in the field, told apart by their length.
typedef struct coffer_gcm_params_short {
  CK_BYTE_PTR pIv;
  CK_ULONG ulIvLen;
  CK_BYTE_PTR pAAD;
  CK_ULONG ulAADLen;
  CK_ULONG ulTagBits;
} coffer_gcm_params_short;
*/
import "C"

import (
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// The C types under Go names: tests may not import "C".
type (
	cByte           = C.CK_BYTE
	cUlong          = C.CK_ULONG
	cRV             = C.CK_RV
	cPointer        = C.CK_VOID_PTR
	cSession        = C.CK_SESSION_HANDLE
	cObject         = C.CK_OBJECT_HANDLE
	cAttribute      = C.CK_ATTRIBUTE
	cMechanism      = C.CK_MECHANISM
	cVersion        = C.CK_VERSION
	cInfo           = C.CK_INFO
	cSlotInfo       = C.CK_SLOT_INFO
	cTokenInfo      = C.CK_TOKEN_INFO
	cSessionInfo    = C.CK_SESSION_INFO
	cAsyncData      = C.CK_ASYNC_DATA
	cMechanismInfo  = C.CK_MECHANISM_INFO
	cPSSParams      = C.CK_RSA_PKCS_PSS_PARAMS
	cOAEPParams     = C.CK_RSA_PKCS_OAEP_PARAMS
	cECDH1Params    = C.CK_ECDH1_DERIVE_PARAMS
	cCTRParams      = C.CK_AES_CTR_PARAMS
	cGCMParams      = C.CK_GCM_PARAMS
	cGCMParamsShort = C.coffer_gcm_params_short
	cGCMWrapParams  = C.CK_GCM_WRAP_PARAMS
	cGCMMessage     = C.CK_GCM_MESSAGE_PARAMS
	cEdDSAParams    = C.CK_EDDSA_PARAMS
	cRSAAESParams   = C.CK_RSA_AES_KEY_WRAP_PARAMS
	cKeyData        = C.CK_KEY_DERIVATION_STRING_DATA
	cCBCData        = C.CK_AES_CBC_ENCRYPT_DATA_PARAMS
	cSettings       = C.coffer_settings
)

// The layouts this package counts on, checked by the compiler: a length that is
// not the one expected makes the index constant and out of range. Package ck
// encodes a CK_ULONG as eight bytes, little-endian, which on the machines that
// pass here is how C has it.
var (
	_ = [1]int{}[unsafe.Sizeof(cUlong(0))-ck.UlongSize]
	_ = [1]int{}[unsafe.Sizeof(ck.SlotID(0))-unsafe.Sizeof(C.CK_SLOT_ID(0))]
	_ = [1]int{}[unsafe.Sizeof(ck.ObjectHandle(0))-unsafe.Sizeof(cObject(0))]
	_ = [1]int{}[unsafe.Sizeof(ck.MechanismType(0))-unsafe.Sizeof(C.CK_MECHANISM_TYPE(0))]
	_ = [1]int{}[unsafe.Sizeof(cAttribute{})-24]
	_ = [1]int{}[unsafe.Offsetof(cAttribute{}.ulValueLen)-16]
	_ = [1]int{}[unsafe.Sizeof(cMechanism{})-24]
	_ = [1]int{}[unsafe.Sizeof(cInfo{})-88]
	_ = [1]int{}[unsafe.Sizeof(cSlotInfo{})-112]
	_ = [1]int{}[unsafe.Sizeof(cTokenInfo{})-208]
	_ = [1]int{}[unsafe.Sizeof(cSessionInfo{})-32]
	_ = [1]int{}[unsafe.Sizeof(cAsyncData{})-40]
	_ = [1]int{}[unsafe.Sizeof(cMechanismInfo{})-24]
	_ = [1]int{}[unsafe.Sizeof(cPSSParams{})-24]
	_ = [1]int{}[unsafe.Sizeof(cOAEPParams{})-40]
	_ = [1]int{}[unsafe.Sizeof(cECDH1Params{})-40]
	_ = [1]int{}[unsafe.Sizeof(cCTRParams{})-24]
	_ = [1]int{}[unsafe.Sizeof(cGCMParams{})-48]
	_ = [1]int{}[unsafe.Sizeof(cGCMParamsShort{})-40]
	_ = [1]int{}[unsafe.Sizeof(cGCMWrapParams{})-56]
	_ = [1]int{}[unsafe.Sizeof(cGCMMessage{})-48]
	_ = [1]int{}[unsafe.Sizeof(cEdDSAParams{})-24]
	_ = [1]int{}[unsafe.Sizeof(cRSAAESParams{})-16]
	_ = [1]int{}[unsafe.Sizeof(cKeyData{})-16]
	_ = [1]int{}[unsafe.Sizeof(cCBCData{})-32]
)
