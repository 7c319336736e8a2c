// Package slots is the meaning of PKCS #11 in plain Go: slots, tokens, sessions,
// handles and active operations, over any api.Module. It has one method for each
// C function; the C shell above it only marshals.
package slots

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// App is one application's use of the module, from C_Initialize to C_Finalize.
//
// Output buffers follow the contract of package api: nil asks for the length,
// an empty buffer that is not nil is a buffer of no bytes, and the returned int
// is what *pulLen is to say when the error is nil or CKR_BUFFER_TOO_SMALL.
type App struct {
	module api.Module
}

// New starts an application on module, which it closes in Finalize.
func New(module api.Module) *App { return &App{module: module} }

// Everything below this line is a stub, here so that the shell above can be
// written against the signatures.

type (
	TokenInfo struct {
		Label, Manufacturer, Model, Serial               string
		Flags                                            ck.Flags
		MaxSessions, Sessions, MaxRWSessions, RWSessions uint64
		MaxPIN, MinPIN                                   uint64
		TotalPublic, FreePublic                          uint64
		TotalPrivate, FreePrivate                        uint64
	}
	SlotInfo struct {
		Description, Manufacturer string
		Flags                     ck.Flags
	}
	SessionInfo struct {
		Slot        ck.SlotID
		State       ck.State
		Flags       ck.Flags
		DeviceError uint64
	}
)

const stub = ck.CKR_FUNCTION_NOT_SUPPORTED

func (a *App) Finalize() error { return stub }

// GetSlotList fills dst (nil asks for the count) and returns the count.
func (a *App) GetSlotList(tokenPresent bool, dst []ck.SlotID) (int, error) { return 0, stub }
func (a *App) GetSlotInfo(slot ck.SlotID) (SlotInfo, error)                { return SlotInfo{}, stub }
func (a *App) GetTokenInfo(slot ck.SlotID) (TokenInfo, error)              { return TokenInfo{}, stub }
func (a *App) GetMechanismList(slot ck.SlotID, dst []ck.MechanismType) (int, error) {
	return 0, stub
}
func (a *App) GetMechanismInfo(slot ck.SlotID, t ck.MechanismType) (api.MechanismInfo, error) {
	return api.MechanismInfo{}, stub
}
func (a *App) InitToken(slot ck.SlotID, pin []byte, label string) error { return stub }
func (a *App) InitPIN(h ck.SessionHandle, pin []byte) error             { return stub }
func (a *App) SetPIN(h ck.SessionHandle, old, new []byte) error         { return stub }

func (a *App) OpenSession(slot ck.SlotID, flags ck.Flags) (ck.SessionHandle, error) {
	return 0, stub
}
func (a *App) CloseSession(h ck.SessionHandle) error                        { return stub }
func (a *App) CloseAllSessions(slot ck.SlotID) error                        { return stub }
func (a *App) GetSessionInfo(h ck.SessionHandle) (SessionInfo, error)       { return SessionInfo{}, stub }
func (a *App) Login(h ck.SessionHandle, user ck.UserType, pin []byte) error { return stub }
func (a *App) Logout(h ck.SessionHandle) error                              { return stub }
func (a *App) SessionCancel(h ck.SessionHandle, flags ck.Flags) error       { return stub }
func (a *App) CreateObject(h ck.SessionHandle, t ck.Template) (ck.ObjectHandle, error) {
	return 0, stub
}
func (a *App) CopyObject(h ck.SessionHandle, o ck.ObjectHandle, t ck.Template) (ck.ObjectHandle, error) {
	return 0, stub
}
func (a *App) DestroyObject(h ck.SessionHandle, o ck.ObjectHandle) error        { return stub }
func (a *App) GetObjectSize(h ck.SessionHandle, o ck.ObjectHandle) (int, error) { return 0, stub }

// GetAttributeValue reads attributes into want; the shell copies them out, does
// the sizes, and returns the standard's code for the whole call (section 5.7.5).
func (a *App) GetAttributeValue(h ck.SessionHandle, o ck.ObjectHandle, want []api.AttributeResult) error {
	return stub
}
func (a *App) SetAttributeValue(h ck.SessionHandle, o ck.ObjectHandle, t ck.Template) error {
	return stub
}
func (a *App) FindObjectsInit(h ck.SessionHandle, t ck.Template) error { return stub }
func (a *App) FindObjects(h ck.SessionHandle, dst []ck.ObjectHandle) (int, error) {
	return 0, stub
}
func (a *App) FindObjectsFinal(h ck.SessionHandle) error { return stub }

// A nil mechanism in the xxxInit methods cancels the operation (3.0).
func (a *App) EncryptInit(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle) error { return stub }
func (a *App) Encrypt(h ck.SessionHandle, src, dst []byte) (int, error)                 { return 0, stub }
func (a *App) EncryptUpdate(h ck.SessionHandle, src, dst []byte) (int, error)           { return 0, stub }
func (a *App) EncryptFinal(h ck.SessionHandle, dst []byte) (int, error)                 { return 0, stub }
func (a *App) DecryptInit(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle) error { return stub }
func (a *App) Decrypt(h ck.SessionHandle, src, dst []byte) (int, error)                 { return 0, stub }
func (a *App) DecryptUpdate(h ck.SessionHandle, src, dst []byte) (int, error)           { return 0, stub }
func (a *App) DecryptFinal(h ck.SessionHandle, dst []byte) (int, error)                 { return 0, stub }
func (a *App) DigestInit(h ck.SessionHandle, m *ck.Mechanism) error                     { return stub }
func (a *App) Digest(h ck.SessionHandle, src, dst []byte) (int, error)                  { return 0, stub }
func (a *App) DigestUpdate(h ck.SessionHandle, src []byte) error                        { return stub }
func (a *App) DigestKey(h ck.SessionHandle, k ck.ObjectHandle) error                    { return stub }
func (a *App) DigestFinal(h ck.SessionHandle, dst []byte) (int, error)                  { return 0, stub }
func (a *App) SignInit(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle) error    { return stub }
func (a *App) Sign(h ck.SessionHandle, src, dst []byte) (int, error)                    { return 0, stub }
func (a *App) SignUpdate(h ck.SessionHandle, src []byte) error                          { return stub }
func (a *App) SignFinal(h ck.SessionHandle, dst []byte) (int, error)                    { return 0, stub }
func (a *App) SignRecoverInit(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle) error {
	return stub
}
func (a *App) SignRecover(h ck.SessionHandle, src, dst []byte) (int, error)            { return 0, stub }
func (a *App) VerifyInit(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle) error { return stub }
func (a *App) Verify(h ck.SessionHandle, src, signature []byte) error                  { return stub }
func (a *App) VerifyUpdate(h ck.SessionHandle, src []byte) error                       { return stub }
func (a *App) VerifyFinal(h ck.SessionHandle, signature []byte) error                  { return stub }
func (a *App) VerifyRecoverInit(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle) error {
	return stub
}
func (a *App) VerifyRecover(h ck.SessionHandle, signature, dst []byte) (int, error) { return 0, stub }

func (a *App) GenerateKey(h ck.SessionHandle, m *ck.Mechanism, t ck.Template) (ck.ObjectHandle, error) {
	return 0, stub
}
func (a *App) GenerateKeyPair(h ck.SessionHandle, m *ck.Mechanism, public, private ck.Template) (pub, priv ck.ObjectHandle, err error) {
	return 0, 0, stub
}
func (a *App) WrapKey(h ck.SessionHandle, m *ck.Mechanism, wrapping, key ck.ObjectHandle, dst []byte) (int, error) {
	return 0, stub
}
func (a *App) UnwrapKey(h ck.SessionHandle, m *ck.Mechanism, unwrapping ck.ObjectHandle, wrapped []byte, t ck.Template) (ck.ObjectHandle, error) {
	return 0, stub
}
func (a *App) DeriveKey(h ck.SessionHandle, m *ck.Mechanism, base ck.ObjectHandle, t ck.Template) (ck.ObjectHandle, error) {
	return 0, stub
}
func (a *App) GenerateRandom(h ck.SessionHandle, dst []byte) error { return stub }
func (a *App) SeedRandom(h ck.SessionHandle, seed []byte) error    { return stub }

// GetFunctionStatus and CancelFunction answer CKR_FUNCTION_NOT_PARALLEL.
func (a *App) GetFunctionStatus(h ck.SessionHandle) error { return stub }
func (a *App) CancelFunction(h ck.SessionHandle) error    { return stub }

// Mechanism tells the shell which parameter a mechanism takes.
func (a *App) Mechanism(t ck.MechanismType) (api.MechanismInfo, bool) { return a.module.Mechanism(t) }
