package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

const sealRotateText = `Change the root key: make a new one, seal every partition under it, and drop the
old one. Programs that use the partitions go on meanwhile.

What opens the home goes on to open it. Key files, credentials and TPMs are taken along
by themselves. Passphrases are asked for, and stay as they are. Shares are dealt anew, as
many as before unless --threshold and --shares say otherwise: the old ones are void.
--leave-out goes without one of these. Without root.key in the home the new root key is
never on the disk in the clear, and everything is taken along or left out by name; with
it, what nobody gives is left out with a warning.

It can be interrupted at any point, and takes up where it ended when it is run
again. Copies of the home that were made before still need the root key that they
were made with: keep that as long as you keep them, and copy the new one.`

// rotateOptions are the flags of a change of the root key.
type rotateOptions struct {
	seal sealOptions
	hsm.Rotation
}

func newSealRotate(t *tool) *cobra.Command {
	var o rotateOptions
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Change the root key",
		Long:  sealRotateText,
		Example: "  coffer seal rotate\n  coffer seal rotate --passphrase-file pass\n" +
			"  coffer seal rotate --share-file alice.share --share-file bob.share --out-dir /media/new",
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Hold < time.Second || o.Hold > maxUnlock {
				return usageError(c, "--for is 1s to %gh", maxUnlock.Hours())
			}
			err := t.rotateRoot(&o)
			if errors.Is(err, hsm.ErrNoCopy) {
				return usageError(c, "--leave-out: %w: coffer seal status lists them", err)
			}
			return err
		},
	}
	t.passphrase.register(c)
	o.seal.collect.register(c)
	o.seal.deal.register(c)
	c.Flags().StringArrayVar(&o.LeaveOut, "leave-out", nil, "do not take the sealed copy `NAME` along; once for each")
	c.Flags().BoolVar(&o.Restart, "restart", false, "give up a change that was cut off early, and begin anew")
	c.Flags().DurationVar(&o.Hold, "for", 8*time.Hour, "`TIME` until the new root key locks by itself, if the old one is unlocked")
	return c
}

// rotateRoot changes the root key. A person is asked for what opens the home only if
// nothing else does.
func (t *tool) rotateRoot(o *rotateOptions) error {
	k := newKeeper(t, &o.seal)
	defer k.zero()
	o.Sealer = k.sealer
	c := configuration()
	err := t.rotateWith(c, o.Rotation)
	var locked *seal.NotOpened
	if errors.As(err, &locked) && locked.Attended {
		c.Methods[seal.KindPassphrase], c.Methods[seal.KindShares] = k, k
		err = t.rotateWith(c, o.Rotation)
	}
	return err
}

func (t *tool) rotateWith(c hsm.Config, r hsm.Rotation) error {
	return t.withModuleOf(c, func(m *hsm.Module) error {
		ctx, stop := interruptible()
		defer stop()
		bar := t.progress("sealing partitions")
		r.Progress = bar.set
		err := m.RotateRoot(ctx, r)
		bar.end()
		if errors.Is(err, context.Canceled) {
			return unfinished(err, "coffer seal rotate")
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "changed the root key of %s\n", m.Home())
		return t.warnFormer(m)
	})
}

// warnFormer tells of sealed copies that were not taken along.
func (t *tool) warnFormer(m *hsm.Module) error {
	names, err := m.FormerSeals()
	if len(names) > 0 {
		t.warn("no longer open the home, since they were left out or nobody was asked for them: %s; add them again: coffer seal add",
			strings.Join(names, ", "))
	}
	return err
}
