package main

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/importer/keyfile"
	"github.com/coffer-hsm/coffer/hsm/importer/nss"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

func newImportNSS(t *tool) *cobra.Command {
	var o importOrder
	c := &cobra.Command{
		Use:   "nss DIR",
		Short: "Bring in the keys and certificates of NSS",
		Long: `Bring the keys and certificates of NSS (Firefox, 389 Directory Server, certutil) into
a partition: key4.db and cert9.db in DIR. Keys get the nickname of their
certificate as a label. What NSS trusts stays behind. Programs that use the
databases should be at rest.`,
		Example: "  coffer import nss /etc/pki/nssdb --partition demo --dry-run",
		Args:    oneArgument("the DIR with key4.db and cert9.db"),
		RunE:    func(_ *cobra.Command, args []string) error { return t.importNSS(o, args[0]) },
	}
	o.register(t, c)
	return c
}

func (t *tool) importNSS(o importOrder, dir string) error {
	db, err := nss.Open(dir)
	if err != nil {
		return sourceError(err)
	}
	var password *secret.Bytes // nil: databases without one
	if err := db.Unlocks(password); errors.Is(err, importer.ErrPassword) {
		if password, err = t.source.read(t, "Password of "+dir); err != nil {
			return err
		}
		defer password.Zero()
	}
	s, err := db.Read(password)
	if err != nil {
		return sourceError(err)
	}
	defer s.Wipe()
	return t.importInto(o, s)
}

// fileOrder is what the commands that import files have in common.
type fileOrder struct {
	importOrder
	label, id   string
	uses        []string
	extractable bool
}

const fileOrderText = `

Private keys come with their public half, and both get the SHA-1 of the public key as
their ID unless --id says otherwise; certificates get that of their key. The keys
are sensitive and cannot leave, and are for what keys of their type usually are
for; --use is as in coffer key generate.`

func (o *fileOrder) register(t *tool, c *cobra.Command) {
	o.importOrder.register(t, c)
	f := c.Flags()
	f.StringVarP(&o.label, "label", "l", "", "`LABEL` (default: the name in the file, or that of the file)")
	f.StringVar(&o.id, "id", "", "ID in `HEX` (default: from the public key; random for AES)")
	f.StringSliceVar(&o.uses, "use", nil, "what the key is for: sign, encrypt, wrap, derive")
	f.BoolVar(&o.extractable, "extractable", false, "allow the key to leave, wrapped under another")
}

func (o *fileOrder) options() (k keyfile.Options, err error) {
	k.Label, k.Extractable = o.label, o.extractable
	if o.id != "" {
		if k.ID, err = hex.DecodeString(o.id); err != nil {
			return k, fmt.Errorf("--id %q is not hex", o.id)
		}
	}
	for _, word := range o.uses {
		known := false
		for _, p := range purposes {
			if p.word == word {
				k.Private, k.Public, known = append(k.Private, p.private), append(k.Public, p.public), true
			}
		}
		if !known {
			return k, fmt.Errorf("--use %q is not one of sign, encrypt, wrap, derive", word)
		}
	}
	return k, nil
}

// reader reads one kind of file.
type reader func(path string, k keyfile.Options, p keyfile.Password) (*importer.Source, error)

// newImportFile makes the command for one kind of file.
func newImportFile(t *tool, use, short, long, example string, read reader) *cobra.Command {
	var o fileOrder
	c := &cobra.Command{
		Use: use + " FILE", Short: short, Long: long + fileOrderText, Example: example,
		Args: oneArgument("the FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			k, err := o.options()
			if err != nil {
				return usageError(c, "%w", err)
			}
			s, err := read(args[0], k, t.askSource("Password of "+args[0]))
			if err != nil {
				return sourceError(err)
			}
			defer s.Wipe()
			return t.importInto(o.importOrder, s)
		},
	}
	o.register(t, c)
	return c
}

func newImportPKCS12(t *tool) *cobra.Command {
	return newImportFile(t, "pkcs12", "Bring in a PKCS #12 file (.p12, .pfx)",
		`Bring the keys and certificates of a PKCS #12 file into a partition.`,
		"  coffer import pkcs12 web.p12 --partition demo", keyfile.ReadPKCS12)
}

func newImportPEM(t *tool) *cobra.Command {
	return newImportFile(t, "pem", "Bring in private keys and certificates in PEM or DER",
		`Bring the private keys and certificates of a PEM or DER file into a partition: PKCS #8,
with or without a password, PKCS #1, SEC 1, X.509. The password is asked for if it
is needed.`,
		"  coffer import pem web.key --label web --use sign", keyfile.ReadPEM)
}

func newImportAES(t *tool) *cobra.Command {
	return newImportFile(t, "aes", "Bring in an AES key, 16, 24 or 32 bytes or hexadecimal",
		`Bring an AES key into a partition, from a file of 16, 24 or 32 bytes, or of as many in
hexadecimal.`,
		"  coffer import aes disk.key --label disk",
		func(path string, k keyfile.Options, _ keyfile.Password) (*importer.Source, error) {
			return keyfile.ReadAES(path, k)
		})
}
