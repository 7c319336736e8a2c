package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
)

const sealRotateText = `Change the root key: make a new one, seal every partition under it, and drop the
old one. Programs that use the partitions go on meanwhile.

It can be interrupted at any point, and takes up where it ended when it is run
again. Copies of the home that were made before still need the root key that they
were made with: keep that as long as you keep them, and copy the new one.`

func newSealRotate(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:     "rotate",
		Short:   "Change the root key",
		Long:    sealRotateText,
		Example: "  coffer seal rotate",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			return t.withModuleOf(configuration(), func(m *hsm.Module) error {
				ctx, stop := interruptible()
				defer stop()
				bar := t.progress("sealing partitions")
				err := m.RotateRoot(ctx, bar.set)
				bar.end()
				if err != nil {
					return unfinished(err, "coffer seal rotate")
				}
				fmt.Fprintf(t.out, "changed the root key of %s\n", m.Home())
				return t.warnFormer(m)
			})
		},
	}
}

// warnFormer tells of sealed copies that could not be taken along.
func (t *tool) warnFormer(m *hsm.Module) error {
	names, err := m.FormerSeals()
	if len(names) > 0 {
		t.warn("no longer open the home, since nobody was asked for them: %s; add them again: coffer seal add",
			strings.Join(names, ", "))
	}
	return err
}
