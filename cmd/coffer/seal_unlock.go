package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

const sealUnlockText = `Open a sealed copy of the root key and keep the root key in memory, where programs of
the same user find it: in the kernel's keyring of the user, or where the kernel
refuses that, in a file in XDG_RUNTIME_DIR if that is in memory. After the time of
--for, or "coffer seal lock", it is gone; programs that are running keep what they
have opened.

Unlock as the user that the programs run as.`

// maxUnlock is the longest time: who wants more wants a TPM or a credential.
const maxUnlock = 31 * 24 * time.Hour

func newSealUnlock(t *tool) *cobra.Command {
	var o sealOptions
	var duration time.Duration
	c := &cobra.Command{
		Use:               "unlock [NAME]",
		Short:             "Unlock the home for the programs of this user",
		Long:              sealUnlockText,
		Example:           "  coffer seal unlock\n  coffer seal unlock passphrase --for 30m --passphrase-file pass",
		Args:              atMostOneArgument,
		ValidArgsFunction: completeSeal,
		RunE: func(c *cobra.Command, args []string) error {
			if duration < time.Second || duration > maxUnlock {
				return usageError(c, "--for is 1s to %gh", maxUnlock.Hours())
			}
			return withSeals(func(s *hsm.Seals) error {
				slot, err := chooseSeal(s, strings.Join(args, ""))
				if err != nil {
					return err
				}
				return t.unlock(s, slot, &o, duration)
			})
		},
	}
	o.registerUnlock(t, c)
	c.Flags().DurationVar(&duration, "for", 8*time.Hour, "`TIME` until it locks by itself")
	return c
}

// chooseSeal finds the copy called name; no name at all is the only one that wants to
// be unlocked.
func chooseSeal(s *hsm.Seals, name string) (*seal.Slot, error) {
	if name != "" {
		return s.Get(name)
	}
	list, _, err := s.List()
	if err != nil {
		return nil, err
	}
	var found []*seal.Slot
	for _, e := range list {
		if e.Err == nil && !hsm.Unattended(e.Slot.Kind) {
			found = append(found, e.Slot)
		}
	}
	switch len(found) {
	case 0:
		return nil, hintf("coffer seal status", "there is nothing to unlock: no sealed copy of the root key takes that")
	case 1:
		return found[0], nil
	}
	return nil, hintf("name one: coffer seal status", "there are %d sealed copies to unlock", len(found))
}

func (t *tool) unlock(s *hsm.Seals, slot *seal.Slot, o *sealOptions, d time.Duration) error {
	key, err := t.keyOf(slot, o)
	if err != nil {
		return err
	}
	defer key.Zero()
	where, err := s.Unlock(slot.Name, key, d)
	if errors.Is(err, seal.ErrSlotKey) {
		return &advised{fmt.Errorf("this does not open %s: another %s is needed", quote(slot.Name), slot.Kind), "", exitWrongPIN}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "unlocked until %s, in the %s\n", time.Now().Add(d).Format("2006-01-02 15:04"), plain(where))
	return nil
}

// keyOf gets the key of a copy, by asking if need be.
func (t *tool) keyOf(slot *seal.Slot, o *sealOptions) (*secret.Bytes, error) {
	kind := findSealKind(slot.Kind)
	if kind == nil {
		return nil, hintf("upgrade this program", "%s is of the kind %q, which is unknown", slot.Name, slot.Kind)
	}
	if kind.key == nil {
		return nil, hintf("coffer seal status", "%s needs no unlocking: programs open it by themselves", slot.Name)
	}
	return kind.key(t, o, slot)
}
