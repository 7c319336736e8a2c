package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/importer/softhsm2"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

const importSoftHSM2Text = `Bring a token of SoftHSM2 into a partition: all keys, certificates and data, with
labels, IDs and flags. DIR is the directory of tokens, or that of one; by default
the one that the configuration of SoftHSM2 names (SOFTHSM2_CONF). Both of its back
ends are read, files and SQLite.

Without --partition it is the partition with the token's label. If there is none, it
is made: its user PIN is that of the token with --same-pin, or else asked for.
Programs that look for the token by its label then find it and its keys.

It takes the user PIN of the token (--password-file). SoftHSM2 should be at rest.`

func newImportSoftHSM2(t *tool) *cobra.Command {
	var o importOrder
	var token string
	var samePIN bool
	c := &cobra.Command{
		Use:   "softhsm2 [DIR]",
		Short: "Bring in a token of SoftHSM2",
		Long:  importSoftHSM2Text,
		Example: "  coffer import softhsm2 --token demo --dry-run\n" +
			"  coffer import softhsm2 /var/lib/softhsm/tokens --token demo --same-pin",
		Args: atMostOneArgument,
		RunE: func(_ *cobra.Command, args []string) error {
			found, err := findSoftHSM2(args, token)
			if err != nil {
				return sourceError(err)
			}
			return t.importSoftHSM2(o, found, samePIN)
		},
	}
	o.register(t, c)
	t.so.register(c)
	c.Flags().StringVarP(&token, "token", "t", "", "`LABEL` or serial number of the token (default: the only one)")
	c.Flags().BoolVar(&samePIN, "same-pin", false, "the user PIN of the partition is that of the token")
	return c
}

// findSoftHSM2 finds the token that is meant.
func findSoftHSM2(args []string, name string) (*softhsm2.Token, error) {
	dir := ""
	if len(args) > 0 {
		dir = args[0]
	} else {
		var err error
		if dir, err = softhsm2.TokenDir(softhsm2.Configs(os.Getenv("SOFTHSM2_CONF"), os.Getenv("HOME"))); err != nil {
			return nil, hintf("name the directory of the tokens", "%w", err)
		}
	}
	tokens, err := softhsm2.Tokens(dir)
	if err != nil {
		return nil, err
	}
	var fit []softhsm2.Token
	var labels []string
	for _, k := range tokens {
		labels = append(labels, quote(k.Label))
		if name == "" || k.Label == name || k.Serial == name {
			fit = append(fit, k)
		}
	}
	switch {
	case len(tokens) == 0:
		return nil, fmt.Errorf("%s has no tokens of SoftHSM2", dir)
	case len(fit) == 1:
		return &fit[0], nil
	case len(fit) == 0:
		return nil, hintf("those there are: "+strings.Join(labels, ", "), "%s has no token %s", dir, quote(name))
	}
	return nil, hintf("name one with --token: "+strings.Join(labels, ", ")+", or by its serial number", "%s has %d such tokens", dir, len(fit))
}

func (t *tool) importSoftHSM2(o importOrder, token *softhsm2.Token, samePIN bool) error {
	pin, err := t.source.read(t, "User PIN of SoftHSM2 token "+quote(token.Label))
	if err != nil {
		return err
	}
	defer pin.Zero()
	s, err := token.Read(pin)
	if err != nil {
		return sourceError(err)
	}
	defer s.Wipe()
	if samePIN {
		t.user.given = pin
	}
	if o.partition != "" {
		return t.importInto(o, s)
	}
	return t.importByLabel(o, s)
}

// importByLabel imports into the partition that has the label of the source, which is
// made if there is none.
func (t *tool) importByLabel(o importOrder, s *importer.Source) error {
	o.partition = s.Label
	var isThere bool
	err := t.withModule(func(m *hsm.Module) error {
		for _, p := range partitions(m) {
			isThere = isThere || p.Partition.Info().Label == s.Label
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case isThere:
		return t.importInto(o, s)
	case o.dryRun:
		return t.importNowhere(o, s)
	}
	return t.importNew(o, s)
}

// importNew makes a partition with the label of the source, which stays only if
// something comes over.
func (t *tool) importNew(o importOrder, s *importer.Source) error {
	return t.withModule(func(m *hsm.Module) error {
		so, err := t.so.readNew(t, "New SO PIN of partition "+quote(s.Label))
		if err != nil {
			return err
		}
		defer so.Zero()
		user, err := t.user.readNew(t, "New user PIN of partition "+quote(s.Label))
		if err != nil {
			return err
		}
		defer user.Zero()
		slot, err := m.Create(s.Label, so.Expose(), user.Expose())
		if err != nil {
			return undoCreate(m, slot, so, err)
		}
		if err := t.importToSlot(m, slot, o, s, user); err != nil {
			return undoCreate(m, slot, so, err)
		}
		return nil
	})
}

// importNowhere is a dry run for a partition that is not there: in a home that exists
// for the time of it, under the configuration of this one.
func (t *tool) importNowhere(o importOrder, s *importer.Source) error {
	dir, err := os.MkdirTemp("", "coffer-import-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := hsm.FromEnvironment()
	if err := t.withModule(func(m *hsm.Module) error { c.ConfigFile = m.Status().ConfigFile; return nil }); err != nil {
		return err
	}
	c.Home = dir
	return t.withModuleOf(c, func(m *hsm.Module) error {
		pin := secret.New(m.Rules().PIN.MinLength) // of a partition that never holds anything
		defer pin.Zero()
		slot, err := m.Create(s.Label, pin.Expose(), pin.Expose())
		if err != nil {
			return err
		}
		return t.importToSlot(m, slot, o, s, pin)
	})
}

// importToSlot imports into a new partition.
func (t *tool) importToSlot(m *hsm.Module, slot ck.SlotID, o importOrder, s *importer.Source, pin *secret.Bytes) error {
	for _, p := range partitions(m) {
		if p.ID != slot {
			continue
		}
		id, err := p.Partition.Login(ck.CKU_USER, pin.Expose())
		if err != nil {
			return pinError(err, p, ck.CKU_USER)
		}
		defer p.Partition.Logout(id)
		return t.importAs(o, s, login{p.Partition, api.Caller{Identity: id, ReadWrite: true}})
	}
	return fmt.Errorf("the new partition in slot %d has gone already", slot)
}
