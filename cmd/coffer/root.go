package main

import (
	"strings"

	"github.com/spf13/cobra"
)

const rootText = `Coffer is a software HSM: keys are made, kept and used inside it, sealed on
disk, and reached by programs through PKCS #11 (libcoffer-pkcs11.so).

Keys live in partitions (PKCS #11 calls them tokens), each with two PINs: that of
its security officer (SO), who looks after the partition, and that of its user,
who uses the keys. PINs are asked for at the terminal, or read from a file
(--pin-file, --so-pin-file) or from the environment. They are never arguments.

A partition is named by its label, its serial number or its slot, in this order: a
partition with the label 1 comes before that in slot 1. With a prefix the name is
exact: label:1, serial:0123456789abcdef, slot:1.

Environment:
  COFFER_HOME         the directory that holds everything
  COFFER_CONF         the configuration file; none is needed
  COFFER_NETWORK_FS=allow
                      go on although the home is on a network file system
  COFFER_PIN          the user PIN
  COFFER_SO_PIN       the SO PIN
  COFFER_NEW_PIN      what a user PIN is changed to
  COFFER_PASSPHRASE   a passphrase of the root key (coffer seal)
  COFFER_BACKUP_PASSPHRASE
                      that of a backup (coffer backup)
  COFFER_IMPORT_PASSWORD
                      the password or PIN of what is imported (coffer import)

Exit codes:
  0   done
  1   failed, or "coffer status" or "coffer check" found problems
  2   the command line is wrong
  3   wrong PIN
  4   the PIN is locked`

const rootExample = `  coffer init
  coffer partition create demo
  coffer key generate --type ec:p256 --label web
  coffer key list
  pkcs11-tool --module build/libcoffer-pkcs11.so --list-slots`

func newRoot(t *tool) *cobra.Command {
	c := &cobra.Command{
		Use:           "coffer",
		Short:         "A software HSM: keys sealed in partitions, used through PKCS #11",
		Long:          rootText,
		Example:       rootExample,
		SilenceErrors: true, // tool.run prints them
		SilenceUsage:  true,
		Args:          subcommandOnly,
		RunE:          showHelp,
	}
	c.SetOut(t.out)
	c.SetErr(t.err)
	c.SetFlagErrorFunc(flagError)
	c.CompletionOptions.HiddenDefaultCmd = false
	c.AddCommand(newInit(t), newPartition(t), newKey(t), newAudit(t), newSeal(t), newUser(t), newImport(t), newBackup(t), newStatus(t), newCheck(t), newBench(t), newVersion(t))
	refuseUnknown(c)
	return c
}

// refuseUnknown has the commands that cobra adds, help and completion, refuse what they do
// not know, as all others do.
func refuseUnknown(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			parent(c)
		case "help":
			c.Args = func(c *cobra.Command, args []string) error {
				if _, rest, err := root.Find(args); err != nil || len(rest) > 0 {
					return usageError(root, "unknown command %q", strings.Join(args, " "))
				}
				return nil
			}
		}
	}
}

// parent makes of c the command that those below it are found under, which does nothing
// itself.
func parent(c *cobra.Command, below ...*cobra.Command) *cobra.Command {
	c.Args, c.RunE = subcommandOnly, showHelp
	c.AddCommand(below...)
	return c
}

// subcommandOnly refuses arguments of a command that only has commands below it.
func subcommandOnly(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError(c, "unknown command %q", args[0])
}

func showHelp(c *cobra.Command, _ []string) error { return c.Help() }

// noArguments refuses any argument.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError(c, "unexpected argument %q", args[0])
}

// atMostOneArgument refuses a second one.
func atMostOneArgument(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageError(c, "unexpected argument %q", args[1])
	}
	return nil
}

// oneArgument demands exactly one argument; what says what it is.
func oneArgument(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return usageError(c, "%s is missing", what)
		case len(args) > 1:
			return usageError(c, "unexpected argument %q", args[1])
		}
		return nil
	}
}
