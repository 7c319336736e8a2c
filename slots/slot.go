package slots

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// manufacturer is what slots and tokens say of their origin (32 bytes in C).
const manufacturer = "Coffer"

// SlotInfo is CK_SLOT_INFO (section 3.2), the texts without their padding: 64
// and 32 bytes in C. Coffer tells no hardware and firmware versions.
type SlotInfo struct {
	Description, Manufacturer string
	Flags                     ck.Flags
}

// place is a slot and what is in it; token is nil in the blank one.
type place struct {
	id    ck.SlotID
	token *token
}

// places are the slots as the application last saw them. The list changes when
// the application asks for it or initialises a token, and at no other time
// (section 5.5, C_GetSlotList).
type places struct {
	// admission is held while tokens are made or change. Who finds a token frozen
	// waits for it.
	admission sync.Mutex

	list atomic.Pointer[[]place] // replaced whole, never changed
}

// update takes over the module's list. A slot whose partition is the same value
// as before keeps its token, with its sessions and its login. admission is held.
func (a *App) update() {
	old, slots := a.places.all(), a.module.Slots()
	list := make([]place, len(slots))
	for i, s := range slots {
		list[i].id = s.ID
		switch t := a.places.keep(s); {
		case t != nil:
			list[i].token = t
		case s.Partition != nil:
			list[i].token = newToken(s)
		}
	}
	a.places.list.Store(&list)
	for _, pl := range old {
		if t := pl.token; t != nil && !slices.Contains(list, pl) {
			a.abandon(t)
		}
	}
}

// all lists the slots.
func (p *places) all() []place {
	if list := p.list.Load(); list != nil {
		return *list
	}
	return nil
}

// settleTokens waits until no token changes.
func (a *App) settleTokens(*token) {
	a.places.admission.Lock()
	defer a.places.admission.Unlock()
}

// keep returns the token that is in a slot already, nil if it is not.
func (p *places) keep(s api.Slot) *token {
	for _, old := range p.all() {
		if old.id == s.ID && old.token != nil && old.token.partition == s.Partition { // pointers, in any module
			return old.token
		}
	}
	return nil
}

// find returns the slot with the number id, or CKR_SLOT_ID_INVALID.
func (p *places) find(id ck.SlotID) (place, error) {
	for _, pl := range p.all() {
		if pl.id == id {
			return pl, nil
		}
	}
	return place{}, ck.CKR_SLOT_ID_INVALID
}

// slot is find for a call without a session; the caller releases if err is nil.
func (a *App) slot(id ck.SlotID) (place, error) {
	if err := a.hold(); err != nil {
		return place{}, err
	}
	pl, err := a.places.find(id)
	if err != nil {
		a.release()
	}
	return pl, err
}

// GetSlotList is C_GetSlotList (section 5.5). It fills dst and returns the
// count. A nil dst asks for the count and is the moment at which tokens that
// other processes have made appear. Every slot has a token present, the blank
// one a token that is not initialised, so tokenPresent changes nothing.
func (a *App) GetSlotList(tokenPresent bool, dst []ck.SlotID) (int, error) {
	if err := a.hold(); err != nil {
		return 0, err
	}
	defer a.release()
	if dst == nil {
		if err := a.module.Refresh(); err != nil {
			return 0, err
		}
		a.places.admission.Lock()
		a.update()
		a.places.admission.Unlock()
	}
	return fill(dst, a.places.all(), func(p place) ck.SlotID { return p.id })
}

// fill is the convention of section 5.2 for lists: it puts of each element of
// src into dst, and returns the count, with CKR_BUFFER_TOO_SMALL if it is more
// than fits. A nil dst asks for the count.
func fill[D, S any](dst []D, src []S, of func(S) D) (int, error) {
	if dst == nil {
		return len(src), nil
	}
	if len(dst) < len(src) {
		return len(src), ck.CKR_BUFFER_TOO_SMALL
	}
	for i, s := range src {
		dst[i] = of(s)
	}
	return len(src), nil
}

// GetSlotInfo is C_GetSlotInfo (section 5.5).
func (a *App) GetSlotInfo(slot ck.SlotID) (SlotInfo, error) {
	if _, err := a.slot(slot); err != nil {
		return SlotInfo{}, err
	}
	defer a.release()
	return SlotInfo{
		Description:  fmt.Sprintf("Coffer slot %d", slot),
		Manufacturer: manufacturer,
		Flags:        ck.CKF_TOKEN_PRESENT,
	}, nil
}

// GetMechanismList is C_GetMechanismList (section 5.5): it fills dst and
// returns the count. All slots have the same mechanisms.
func (a *App) GetMechanismList(slot ck.SlotID, dst []ck.MechanismType) (int, error) {
	if _, err := a.slot(slot); err != nil {
		return 0, err
	}
	defer a.release()
	return fill(dst, a.module.Mechanisms(), func(m api.MechanismInfo) ck.MechanismType { return m.Type })
}

// GetMechanismInfo is C_GetMechanismInfo (section 5.5): CKR_MECHANISM_INVALID
// if the module does not have t.
func (a *App) GetMechanismInfo(slot ck.SlotID, t ck.MechanismType) (api.MechanismInfo, error) {
	if _, err := a.slot(slot); err != nil {
		return api.MechanismInfo{}, err
	}
	defer a.release()
	info, ok := a.module.Mechanism(t)
	if !ok {
		return api.MechanismInfo{}, ck.CKR_MECHANISM_INVALID
	}
	return *info, nil
}

// Mechanism tells the shell which parameter a mechanism takes. It takes no lock,
// as every operation needs it and what it tells never changes.
func (a *App) Mechanism(t ck.MechanismType) (*api.MechanismInfo, bool) { return a.module.Mechanism(t) }
