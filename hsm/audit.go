package hsm

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// AuditLog is the audit log of the partition in a slot: CKR_SLOT_ID_INVALID, or why
// the partition cannot be opened.
func (m *Module) AuditLog(slot ck.SlotID) (*audit.Log, error) {
	p, err := m.partitionIn(slot)
	if err != nil {
		return nil, err
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return p.Log(), nil
}

// NoteBackup records, in the logs of the partitions in slots and in the home's, that a
// backup of them is about to be handed out. details says of each what there is in it.
func (m *Module) NoteBackup(slots []ck.SlotID, details []string) error {
	events := make([]audit.Event, len(slots))
	for i, slot := range slots {
		p, err := m.partitionIn(slot)
		if err != nil {
			return err
		}
		events[i] = audit.Event{Act: audit.Backup, Detail: details[i]}
		if err := p.Note(events[i]); err != nil {
			return err
		}
		events[i].Slot = uint64(slot)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lockedHome(func() error { return m.home.note(m.root, events...) })
}

// SetAuditUses lets the SO say whether uses of keys are recorded.
func (m *Module) SetAuditUses(slot ck.SlotID, who api.Caller, on bool) error {
	p, err := m.partitionIn(slot)
	if err != nil {
		return err
	}
	return p.SetAuditUses(who, on)
}

func (m *Module) partitionIn(slot ck.SlotID) (*partition.Partition, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if p := m.partitions[slot]; p != nil {
		return p, nil
	}
	return nil, ck.CKR_SLOT_ID_INVALID
}

// AcceptAudit lets the SO accept that the audit log of a partition and its store do
// not fit, for which it is refused, or that the log is damaged.
func (m *Module) AcceptAudit(slot ck.SlotID, soPIN []byte) (*partition.Accepted, error) {
	if _, err := m.partitionIn(slot); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	dir := m.home.partitionDir(slot)
	st, err := store.OpenFile(dir, m.settings.store())
	if err != nil {
		return nil, err
	}
	defer st.Close()
	return partition.AcceptAudit(st, m.root, m.partitionOptions(dir), soPIN)
}
