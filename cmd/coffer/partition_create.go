package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

const partitionCreateText = `Make a partition and set its two PINs. The home is made too if there is none.

The SO PIN is for looking after the partition: it sets a new user PIN and wipes
the partition. The user PIN is for using keys; with --no-user-pin it is left for
the SO to set later.

What is asked of PINs, and the policy for keys, are those of the configuration
unless flags say otherwise. The policy for keys cannot be changed later.`

const partitionCreateExample = `  coffer partition create demo
  coffer partition create demo --so-pin-file so.pin --pin-file user.pin
  coffer partition create demo --no-user-pin
  coffer partition create demo --policy standard --pin-min 8 --pin-tries 5`

func newPartitionCreate(t *tool) *cobra.Command {
	var noUser bool
	var policy string
	c := &cobra.Command{
		Use:               "create LABEL",
		Short:             "Make a partition",
		Long:              partitionCreateText,
		Example:           partitionCreateExample,
		Args:              oneArgument("the LABEL of the new partition"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkTokenLabel(c, args[0]); err != nil {
				return err
			}
			return t.withModule(func(m *hsm.Module) error {
				rules := m.Rules()
				if policy != "" {
					rules.Policy = policy
				}
				changePINPolicy(c, &rules.PIN)
				if err := m.CheckRules(rules); err != nil {
					return rulesError(c, err) // before anybody is asked for a PIN
				}
				return t.createPartition(m, rules, args[0], noUser)
			})
		},
	}
	t.so.register(c)
	t.user.register(c)
	t.jsonFlag(c)
	c.Flags().BoolVar(&noUser, "no-user-pin", false, "leave the user PIN for the SO to set")
	c.Flags().StringVar(&policy, "policy", "", "`POLICY` for keys: strict or standard (default: that of the configuration)")
	pinRuleFlags(c)
	return c
}

// maxTokenLabel is the room for a label in CK_TOKEN_INFO, in bytes.
const maxTokenLabel = 32

func checkTokenLabel(c *cobra.Command, label string) error {
	switch {
	case label == "" || len(label) > maxTokenLabel:
		return usageError(c, "a label has 1 to %d bytes", maxTokenLabel)
	case !utf8.ValidString(label):
		return usageError(c, "a label is UTF-8")
	case strings.HasSuffix(label, " "):
		return usageError(c, "a label has no blank at its end: PKCS #11 pads labels with them")
	}
	return nil
}

func (t *tool) createPartition(m *hsm.Module, rules hsm.Rules, label string, noUser bool) error {
	for _, s := range partitions(m) {
		if s.Partition.Info().Label == label {
			return labelTaken(label)
		}
	}
	so, err := t.so.readNew(t, "New SO PIN")
	if err != nil {
		return err
	}
	defer so.Zero()
	var user *secret.Bytes // nil: not set
	if !noUser {
		if user, err = t.user.readNew(t, "New user PIN"); err != nil {
			return err
		}
		defer user.Zero()
	}
	slot, err := m.CreateUnder(rules, label, so.Expose(), user.Expose())
	if errors.Is(err, hsm.ErrLabelTaken) { // meanwhile
		return labelTaken(label)
	}
	if err != nil {
		return undoCreate(m, slot, so, err)
	}
	return t.showCreated(m, slot)
}

func labelTaken(label string) error {
	return hintf("choose another label", "there is a partition %s already", quote(label))
}

// undoCreate removes a partition that was made but could not be opened, or given what is
// imported into it. Slot 0 is none.
func undoCreate(m *hsm.Module, slot ck.SlotID, so *secret.Bytes, cause error) error {
	cause = fmt.Errorf("the partition was not made: %w", cause)
	if slot == 0 {
		return cause
	}
	return errors.Join(cause, m.Delete(slot, so.Expose()))
}

func (t *tool) showCreated(m *hsm.Module, slot ck.SlotID) error {
	for _, s := range partitions(m) {
		if s.ID == slot {
			return t.show(viewPartition(s), func(w io.Writer) { printCreated(w, s) })
		}
	}
	return fmt.Errorf("the new partition in slot %d has gone already", slot)
}

func printCreated(w io.Writer, s api.Slot) {
	info := s.Partition.Info()
	fmt.Fprintf(w, "made partition %s in slot %d, serial number %s\n", quote(info.Label), s.ID, info.Serial)
}
