// Package p11 puts vectors to a PKCS #11 module through its C ABI. It is a thin
// layer over github.com/miekg/pkcs11, a binding that others wrote: one call an
// operation, in one part or in many, and results as the codes of package ck.
// Nothing in it knows Coffer, so that the same vectors run on other modules.
package p11

/*
#include <stdlib.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/miekg/pkcs11"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/pkcs11/abitest"
)

// Config says which token to open.
type Config struct {
	Module     string // path of the library
	Parameters string // for C_Initialize, as NSS wants them
	Label      string // of the token; the first one that is initialised if empty
	PIN        string // of the user
	// SOPIN, if not empty, asks for a token to be made on the blank slot, with
	// Label and PIN.
	SOPIN string
}

// Token is a token that the user is logged in to.
type Token struct {
	ctx    *pkcs11.Ctx
	slot   uint
	login  pkcs11.SessionHandle // holds the login
	listed map[ck.MechanismType]ck.Flags
	// library is the module itself, for what the binding does not have.
	library func() (*abitest.Library, error)
}

// Open loads the module and logs in.
func Open(c Config) (*Token, error) {
	ctx := pkcs11.New(c.Module)
	if ctx == nil {
		return nil, fmt.Errorf("%s: cannot be loaded", c.Module)
	}
	if err := initialize(ctx, c.Parameters); err != nil {
		ctx.Destroy()
		return nil, fmt.Errorf("C_Initialize: %w", code(err))
	}
	t := &Token{ctx: ctx, library: sync.OnceValues(func() (*abitest.Library, error) { return abitest.Load(c.Module) })}
	if err := t.open(c); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

func initialize(ctx *pkcs11.Ctx, parameters string) error {
	if parameters == "" {
		return ctx.Initialize()
	}
	p := unsafe.Pointer(C.CString(parameters))
	defer C.free(p)
	return ctx.Initialize(pkcs11.InitializeWithReserved(p))
}

func (t *Token) open(c Config) error {
	if err := t.choose(c); err != nil {
		return err
	}
	if c.SOPIN != "" {
		if err := t.make(c); err != nil {
			return err
		}
	}
	var err error
	if t.login, err = t.session(); err != nil {
		return err
	}
	if err := code(t.ctx.Login(t.login, pkcs11.CKU_USER, c.PIN)); err != nil && !errors.Is(err, ck.CKR_USER_ALREADY_LOGGED_IN) {
		return fmt.Errorf("C_Login: %w", err)
	}
	return t.list()
}

// choose finds the slot: the blank one to make a token on, else that of the label.
func (t *Token) choose(c Config) error {
	slots, err := t.ctx.GetSlotList(true)
	if err != nil {
		return fmt.Errorf("C_GetSlotList: %w", code(err))
	}
	for _, slot := range slots {
		info, err := t.ctx.GetTokenInfo(slot)
		if err != nil {
			return fmt.Errorf("C_GetTokenInfo: %w", code(err))
		}
		blank := info.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0
		if blank == (c.SOPIN != "") && (blank || c.Label == "" || c.Label == info.Label) {
			t.slot = slot
			return nil
		}
	}
	return fmt.Errorf("no such token among %d slots", len(slots))
}

// make initialises the token and its user PIN.
func (t *Token) make(c Config) error {
	if err := t.ctx.InitToken(t.slot, c.SOPIN, c.Label); err != nil {
		return fmt.Errorf("C_InitToken: %w", code(err))
	}
	s, err := t.session()
	if err != nil {
		return err
	}
	if err := t.ctx.Login(s, pkcs11.CKU_SO, c.SOPIN); err != nil {
		return fmt.Errorf("C_Login of the SO: %w", code(err))
	}
	if err := t.ctx.InitPIN(s, c.PIN); err != nil {
		return fmt.Errorf("C_InitPIN: %w", code(err))
	}
	if err := t.ctx.Logout(s); err != nil {
		return fmt.Errorf("C_Logout: %w", code(err))
	}
	return code(t.ctx.CloseSession(s))
}

func (t *Token) list() error {
	mechanisms, err := t.ctx.GetMechanismList(t.slot)
	if err != nil {
		return fmt.Errorf("C_GetMechanismList: %w", code(err))
	}
	t.listed = make(map[ck.MechanismType]ck.Flags, len(mechanisms))
	for _, m := range mechanisms {
		info, err := t.ctx.GetMechanismInfo(t.slot, []*pkcs11.Mechanism{m})
		if err != nil {
			return fmt.Errorf("C_GetMechanismInfo: %w", code(err))
		}
		t.listed[ck.MechanismType(m.Mechanism)] = ck.Flags(info.Flags)
	}
	return nil
}

// Lists reports whether the token lists m for all the functions in flags.
func (t *Token) Lists(m ck.MechanismType, flags ck.Flags) bool {
	have, ok := t.listed[m]
	return ok && have&flags == flags
}

// Close finalizes the module.
func (t *Token) Close() error {
	err := code(t.ctx.Finalize())
	t.ctx.Destroy()
	return err
}

func (t *Token) session() (pkcs11.SessionHandle, error) {
	s, err := t.ctx.OpenSession(t.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return 0, fmt.Errorf("C_OpenSession: %w", code(err))
	}
	return s, nil
}

// code makes the binding's errors codes of package ck.
func code(err error) error {
	var e pkcs11.Error
	if errors.As(err, &e) {
		return ck.RV(e)
	}
	return err
}
