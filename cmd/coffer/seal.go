package main

import (
	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
)

const sealText = `Look after the root key, under which everything in the home is sealed. Partitions
and keys stay as they are, whatever is done here.

The root key is in the file root.key, or sealed in copies that each open with
something else, or both. With root.key, a key file or a credential of systemd,
programs open the home by themselves; with a passphrase or with
shares of several people, "coffer seal unlock" does it for them, for some hours.`

func newSeal(t *tool) *cobra.Command {
	return parent(&cobra.Command{
		Use:     "seal",
		Short:   "Look after the root key, under which everything is sealed",
		Long:    sealText,
		Example: "  coffer seal status\n  coffer seal add passphrase\n  coffer seal remove root.key\n  coffer seal unlock --for 8h\n  coffer seal rotate",
	}, newSealStatus(t), newSealAdd(t), newSealRemove(t), newSealRekey(t),
		newSealUnlock(t), newSealLock(t), newSealShares(t), newSealRotate(t))
}

// withSeals opens what seals the home for the time of f.
func withSeals(f func(*hsm.Seals) error) error {
	s, err := hsm.OpenSeals(configuration())
	if err != nil {
		return err
	}
	return f(s)
}

// configuration is that of the environment, with the ways to open the home that the
// library does without.
func configuration() hsm.Config {
	c := hsm.FromEnvironment()
	c.Methods = sealMethods()
	return c
}
