package ck

import "fmt"

// The number types of the standard (section 3). All are CK_ULONG in C; here
// they have 64 bits on every machine, so that what is stored is portable.
type (
	MechanismType   uint64 // CKM_
	AttributeType   uint64 // CKA_
	KeyType         uint64 // CKK_
	ObjectClass     uint64 // CKO_
	CertificateType uint64 // CKC_
	UserType        uint64 // CKU_
	State           uint64 // CKS_, a session's state
	Flags           uint64 // CKF_
	KDF             uint64 // CKD_
	MGF             uint64 // CKG_MGF1_
)

// SlotID numbers a slot. Coffer's are small, fixed and fit 31 bits.
type SlotID uint64

// SessionHandle and ObjectHandle mean something in one process only; 0 is
// never valid (CK_INVALID_HANDLE).
type (
	SessionHandle uint64
	ObjectHandle  uint64
)

// Unavailable is CK_UNAVAILABLE_INFORMATION: a length or count that cannot be told.
const Unavailable = ^uint64(0)

// name looks v up and falls back to the prefix and the number in hex.
func name[T ~uint64](names map[T]string, prefix string, v T) string {
	if s, ok := names[v]; ok {
		return s
	}
	return fmt.Sprintf("%s0x%08x", prefix, uint64(v))
}

func (v MechanismType) String() string   { return name(namesMechanismType, "CKM_", v) }
func (v AttributeType) String() string   { return name(namesAttributeType, "CKA_", v) }
func (v KeyType) String() string         { return name(namesKeyType, "CKK_", v) }
func (v ObjectClass) String() string     { return name(namesObjectClass, "CKO_", v) }
func (v CertificateType) String() string { return name(namesCertificateType, "CKC_", v) }
func (v UserType) String() string        { return name(namesUserType, "CKU_", v) }
func (v State) String() string           { return name(namesState, "CKS_", v) }
func (v KDF) String() string             { return name(namesKDF, "CKD_", v) }
func (v MGF) String() string             { return name(namesMGF, "CKG_", v) }
