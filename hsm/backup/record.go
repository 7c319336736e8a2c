package backup

import (
	"fmt"
	"time"

	"filippo.io/age"
	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/backup/approved"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// describe names a backup for audit logs.
func (c *Contents) describe() string {
	return fmt.Sprintf("backup %.16s of %s", c.ID, c.Time.UTC().Format(time.RFC3339))
}

// record has the audit logs tell that what was planned is about to be handed out, and to
// how many; not to whom.
func (b *creation) record(m *hsm.Module, slots []ck.SlotID) error {
	to, details := b.describeKeys(), make([]string, len(slots))
	for i := range slots {
		what := "all of it"
		if since := b.contents.Partitions[i].Since; since != 0 {
			what = fmt.Sprintf("what changed since generation %d", since)
		}
		details[i] = fmt.Sprintf("%s: %s, for %s", b.contents.describe(), what, to)
	}
	return m.NoteBackup(slots, details)
}

// describeKeys says what opens the backup.
func (b *creation) describeKeys() string {
	recipients := len(b.To) + len(b.ToApproved)
	if b.Custodians != nil {
		return fmt.Sprintf("%d of %d custodians, and %d recipients", b.Custodians.known.Needed, b.Custodians.known.Total, recipients)
	}
	if b.forPassphrase() {
		return "a passphrase"
	}
	return fmt.Sprintf("%d recipients", recipients)
}

func (b *creation) forPassphrase() (is bool) {
	if b.Approved {
		_, is = b.ToApproved[0].(*approved.Passphrase)
	} else {
		_, is = b.To[0].(*age.ScryptRecipient)
	}
	return is
}
