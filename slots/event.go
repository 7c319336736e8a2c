package slots

import (
	"slices"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// events finds out which slots have got a token, lost it or got another.
type events struct {
	mu      sync.Mutex
	seen    map[ck.SlotID]api.Partition // at the last look
	pending []ck.SlotID                 // not told yet
}

// look compares the slots with those of the last look.
func (e *events) look(list []api.Slot) {
	now := map[ck.SlotID]api.Partition{}
	for _, s := range list {
		if s.Partition == nil {
			continue
		}
		now[s.ID] = s.Partition
		if e.seen[s.ID] != s.Partition {
			e.note(s.ID)
		}
	}
	for id := range e.seen {
		if now[id] == nil {
			e.note(id)
		}
	}
	e.seen = now
}

func (e *events) note(id ck.SlotID) {
	if !slices.Contains(e.pending, id) {
		e.pending = append(e.pending, id)
		slices.Sort(e.pending)
	}
}

// WaitForSlotEvent is C_WaitForSlotEvent (section 5.5) with CKF_DONT_BLOCK: it
// returns the lowest slot that has got or lost a token since C_Initialize and has
// not been told yet, whoever did it; or CKR_NO_EVENT. Waiting is for the shell.
// The list of slots is then that of now, as after C_GetSlotList.
func (a *App) WaitForSlotEvent() (ck.SlotID, error) {
	if err := a.hold(); err != nil {
		return 0, err
	}
	defer a.release()
	if err := a.module.Refresh(); err != nil {
		return 0, err
	}
	a.events.mu.Lock()
	defer a.events.mu.Unlock()
	a.events.look(a.module.Slots())
	if len(a.events.pending) == 0 {
		return 0, ck.CKR_NO_EVENT
	}
	id := a.events.pending[0]
	a.events.pending = a.events.pending[1:]
	a.places.admission.Lock()
	defer a.places.admission.Unlock()
	a.update()
	return id, nil
}
