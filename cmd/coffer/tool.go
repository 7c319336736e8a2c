package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// tool is what all commands share: the streams, and the flags that several have.
type tool struct {
	out        *printed
	err        io.Writer
	json       bool
	yes        bool
	user, so   pinSource
	newPIN     pinSource // that a user's is changed to
	userName   string    // of --user; empty: the user without a name
	passphrase pinSource // of a sealed copy of the root key
	source     pinSource // of what is imported
}

// run runs one command line and returns the exit code.
func (t *tool) run(args []string) int {
	t.user = pinSource{who: "user PIN", flag: "pin-file", env: "COFFER_PIN"}
	t.so = pinSource{who: "SO PIN", flag: "so-pin-file", env: "COFFER_SO_PIN"}
	t.newPIN = pinSource{who: "new PIN", flag: "new-pin-file", env: "COFFER_NEW_PIN"}
	t.passphrase = pinSource{who: "passphrase", flag: "passphrase-file", env: "COFFER_PASSPHRASE"}
	t.source = pinSource{who: "password of the source", flag: "password-file", env: "COFFER_IMPORT_PASSWORD"}
	root := newRoot(t)
	root.SetArgs(args)
	err := root.Execute()
	if err == nil {
		err = t.out.failed()
	}
	return t.report(err)
}

func (t *tool) jsonFlag(c *cobra.Command) {
	c.Flags().BoolVar(&t.json, "json", false, "print JSON")
}

func (t *tool) yesFlag(c *cobra.Command) {
	c.Flags().BoolVarP(&t.yes, "yes", "y", false, "do not ask")
}

func (t *tool) warn(format string, args ...any) {
	fmt.Fprintf(t.err, "coffer: warning: "+format+"\n", args...)
}

// withModule opens the module for the time of f.
func (t *tool) withModule(f func(*hsm.Module) error) error {
	return t.withModuleOf(hsm.FromEnvironment(), f)
}

func (t *tool) withModuleOf(c hsm.Config, f func(*hsm.Module) error) error {
	c.Progress = t.loading()
	m, err := hsm.Open(c)
	if err != nil {
		return err
	}
	defer m.Close()
	return f(m)
}

// withPartition opens the partition called name for the time of f.
func (t *tool) withPartition(name string, f func(*hsm.Module, api.Slot) error) error {
	return t.withModule(func(m *hsm.Module) error {
		s, err := findPartition(m, name)
		if err != nil {
			return err
		}
		return f(m, s)
	})
}

// partitions lists the slots that have one.
func partitions(m api.Module) []api.Slot {
	var found []api.Slot
	for _, s := range m.Slots() {
		if s.Partition != nil {
			found = append(found, s)
		}
	}
	return found
}

// findPartition finds a partition by label, serial number or slot number, in
// this order (hsm.NamedBy). No name at all is the only partition there is.
func findPartition(m *hsm.Module, name string) (api.Slot, error) {
	all := partitions(m)
	if name == "" {
		return onlyPartition(m.Home(), all)
	}
	found := map[hsm.Naming][]api.Slot{}
	for _, s := range all {
		info := s.Partition.Info()
		by := hsm.NamedBy(name, info.Label, info.Serial, s.ID)
		found[by] = append(found[by], s)
	}
	for by := hsm.ByLabel; by <= hsm.BySlot; by++ {
		switch fits := found[by]; {
		case len(fits) == 1:
			return fits[0], nil
		case len(fits) > 1:
			return api.Slot{}, hintf("name it by slot, slot:N: coffer partition list",
				"%d partitions are called %s", len(fits), quote(name))
		}
	}
	if len(all) == 0 {
		return onlyPartition(m.Home(), all)
	}
	if err := firstBroken(all); err != nil {
		return api.Slot{}, hintf("those there are: coffer partition list; what is wrong: coffer status",
			"no partition %s among those that can be opened; one cannot: %w", quote(name), err)
	}
	return api.Slot{}, hintf("those there are: coffer partition list", "no partition %s in %s", quote(name), m.Home())
}

// firstBroken is why the first partition that cannot be opened cannot; nil if all can.
func firstBroken(all []api.Slot) error {
	for _, s := range all {
		if p, is := s.Partition.(interface{ Err() error }); is && p.Err() != nil {
			return p.Err()
		}
	}
	return nil
}

func onlyPartition(home string, all []api.Slot) (api.Slot, error) {
	switch len(all) {
	case 0:
		return api.Slot{}, hintf("make one: coffer partition create LABEL", "there is no partition in %s yet", home)
	case 1:
		return all[0], nil
	}
	return api.Slot{}, hintf("name one with --partition: coffer partition list", "there are %d partitions in %s", len(all), home)
}

// login is a partition and the right to use it.
type login struct {
	api.Partition
	who api.Caller
}

// withLogin logs the user in, --user or the one without a name, to the partition
// called name for the time of f.
func (t *tool) withLogin(name string, f func(login) error) error {
	prompt := "User PIN of"
	if t.userName != "" {
		prompt = "PIN of user " + quote(t.userName) + " of"
	}
	return t.withPIN(name, ck.CKU_USER, t.userName, &t.user, prompt, f)
}

// withSO logs the SO in.
func (t *tool) withSO(name string, f func(login) error) error {
	return t.withPIN(name, ck.CKU_SO, "", &t.so, "SO PIN of", f)
}

func (t *tool) withPIN(name string, user ck.UserType, userName string, from *pinSource, prompt string, f func(login) error) error {
	return t.withPartition(name, func(_ *hsm.Module, s api.Slot) error {
		if err := firstBroken([]api.Slot{s}); err != nil { // before anybody is asked
			return hintf("what is wrong, and what to do: coffer check", "it cannot be opened: %w", err)
		}
		info := s.Partition.Info()
		pin, err := from.read(t, prompt+" "+quote(info.Label))
		if err != nil {
			return err
		}
		id, err := s.Partition.LoginUser(user, userName, pin.Expose())
		pin.Zero()
		if err != nil {
			return pinError(err, s, user)
		}
		defer s.Partition.Logout(id)
		return f(login{s.Partition, api.Caller{Identity: id, ReadWrite: true}})
	})
}

// userFlags adds --pin-file and --user, for who uses keys.
func (t *tool) userFlags(c *cobra.Command) {
	t.user.register(c)
	c.Flags().StringVarP(&t.userName, "user", "u", "", "log in as the user called `NAME` (default: the user without a name)")
}

// partitionFlag adds --partition.
func partitionFlag(c *cobra.Command, name *string) {
	c.Flags().StringVarP(name, "partition", "p", "", "`PARTITION` by label, serial number or slot (default: the only one)")
	_ = c.RegisterFlagCompletionFunc("partition", completePartition)
}

// completePartition offers the labels of the partitions to the shell.
func completePartition(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	m, err := hsm.Open(hsm.FromEnvironment())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer m.Close()
	var labels []string
	for _, s := range partitions(m) {
		labels = append(labels, s.Partition.Info().Label)
	}
	return labels, cobra.ShellCompDirectiveNoFileComp
}
