package main

import (
	"crypto/fips140"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/seal/tpm"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// sealKind is something that the root key can be sealed with.
type sealKind struct {
	kind  string
	about string // for the help
	// make makes it anew, from the options.
	make func(*tool, *sealOptions) (*seal.Sealer, error)
	// key gets the key of a copy that is there, from the options or by asking; nil
	// where nobody has anything to say.
	key func(*tool, *sealOptions, *seal.Slot) (*secret.Bytes, error)
}

// sealKinds are those there are, in the order of the help.
var sealKinds = []sealKind{
	{seal.KindPassphrase, "a passphrase, which is asked for", newPassphraseSeal, passphraseKey},
	{seal.KindKeyFile, "a key in the file --path, or without it root.key itself", newKeyFileSeal, nil},
	{seal.KindCredential, "a key for systemd to keep, in the new file --path", newCredentialSeal, nil},
	{seal.KindShares, "so many (--threshold) of the --shares that custodians keep", newSharesSeal, sharesKey},
	{seal.KindTPM, "the TPM 2.0 at --device, bound to --pcrs if there are any", newTPMSeal, tpmKey},
}

// sealMethods are the kinds that need nobody, beside those that the library knows.
func sealMethods() seal.Methods { return seal.Methods{seal.KindTPM: tpm.Method{}} }

// sealKindsText lists the kinds for the help.
func sealKindsText() string {
	var b strings.Builder
	for _, k := range sealKinds {
		b.WriteString("  " + k.kind + strings.Repeat(" ", 12-len(k.kind)) + k.about + "\n")
	}
	return b.String()
}

func findSealKind(name string) *sealKind {
	i := slices.IndexFunc(sealKinds, func(k sealKind) bool { return k.kind == name })
	if i < 0 {
		return nil
	}
	return &sealKinds[i]
}

// sealKindNames completes the name of a kind.
func sealKindNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, k := range sealKinds {
		names = append(names, k.kind)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// sealOptions are the flags of the kinds.
type sealOptions struct {
	path    string
	kdf     string
	deal    dealOptions
	collect collectOptions
	tpm     tpmOptions

	// What is sealed, for kinds that tell people of it.
	name, root string     // the sealed copy, and the fingerprint of the root key
	former     *seal.Slot // the copy in whose place it comes, if there is one
}

// registerNew adds the flags of what is made anew.
func (o *sealOptions) registerNew(t *tool, c *cobra.Command) {
	t.passphrase.register(c)
	c.Flags().StringVar(&o.path, "path", "", "`FILE` of a key file or credential")
	c.Flags().StringVar(&o.kdf, "kdf", "", "what stretches a passphrase: argon2id (default), or pbkdf2 as approved mode has it")
	o.deal.register(c)
	o.tpm.registerNew(c)
}

// registerUnlock adds the flags of what opens a copy that is there.
func (o *sealOptions) registerUnlock(t *tool, c *cobra.Command) {
	t.passphrase.register(c)
	o.collect.register(c)
	o.tpm.register(c)
}

// stretchings are the values of --kdf.
var stretchings = map[string]func() (seal.Stretching, error){
	"argon2id": func() (seal.Stretching, error) { return configuration().Stretching() },
	"pbkdf2":   func() (seal.Stretching, error) { return seal.ApprovedStretching(), nil },
}

// stretchingInMode is what --kdf is by default.
func stretchingInMode() string {
	if fips140.Enabled() {
		return "pbkdf2"
	}
	return "argon2id"
}

func newPassphraseSeal(t *tool, o *sealOptions) (*seal.Sealer, error) {
	name := o.kdf
	if name == "" {
		name = stretchingInMode()
	}
	find := stretchings[name]
	if find != nil && fips140.Enabled() && name != stretchingInMode() {
		return nil, &advised{errors.New("--kdf is pbkdf2 in approved mode"), "", exitUsage}
	}
	if find == nil {
		return nil, &advised{errors.New("--kdf is argon2id or pbkdf2"), "", exitUsage}
	}
	stretching, err := find()
	if err != nil {
		return nil, err
	}
	p, err := t.passphrase.readNew(t, "New passphrase")
	if err != nil {
		return nil, err
	}
	defer p.Zero()
	return seal.NewPassphrase(p, stretching)
}

func passphraseKey(t *tool, _ *sealOptions, s *seal.Slot) (*secret.Bytes, error) {
	p, err := t.passphrase.read(t, "Passphrase "+quote(s.Name))
	if err != nil {
		return nil, err
	}
	defer p.Zero()
	return seal.PassphraseKey(s, p)
}

var errNoPath = &advised{errors.New("--path is missing: the file for the key"), "", exitUsage}

func newKeyFileSeal(_ *tool, o *sealOptions) (*seal.Sealer, error) {
	if o.path == "" {
		return nil, errNoPath
	}
	return seal.NewKeyFile(o.path)
}

func newCredentialSeal(_ *tool, o *sealOptions) (*seal.Sealer, error) {
	if o.path == "" {
		return nil, errNoPath
	}
	return seal.NewCredential(o.path)
}
