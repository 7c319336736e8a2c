package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

const keyGenerateText = `Generate a key, or a pair of keys, inside a partition.

The private or secret key is sensitive and cannot leave the partition, not even
wrapped under another key, unless --extractable allows that.

Types:
%s

Uses (--use, several with commas between them), each for both halves of a pair:
  sign      sign and verify, or compute and check a MAC
  encrypt   encrypt and decrypt
  wrap      wrap and unwrap other keys
  derive    derive keys; agree on a shared secret

One key is not for both encrypt and wrap: it could decrypt what it has wrapped.`

const keyGenerateExample = `  coffer key generate --type ec:p256 --label web
  coffer key generate --type rsa:3072 --label ca --id 01 --use sign
  coffer key generate --type aes:256 --label disk --partition demo --pin-file user.pin`

// purpose is a word of --use: what it allows the private or secret key, and what
// the public key. A secret key gets both.
type purpose struct {
	word            string
	private, public ck.AttributeType
}

var purposes = []purpose{
	{"sign", ck.CKA_SIGN, ck.CKA_VERIFY},
	{"encrypt", ck.CKA_DECRYPT, ck.CKA_ENCRYPT},
	{"wrap", ck.CKA_UNWRAP, ck.CKA_WRAP},
	{"derive", ck.CKA_DERIVE, ck.CKA_DERIVE},
}

// newKeyID is the length of the ID of a key when nobody says, in bytes.
const newKeyID = 8

// keyRequest is the command line of key generate.
type keyRequest struct {
	partition, keyType, label, id string
	uses                          []string
	extractable                   bool
}

// keyOrder is a keyRequest that was understood.
type keyOrder struct {
	keySpec
	label       string
	id          []byte
	uses        []string
	extractable bool
}

func newKeyGenerate(t *tool) *cobra.Command {
	var r keyRequest
	c := &cobra.Command{
		Use:     "generate --type TYPE --label LABEL",
		Short:   "Generate a key or a pair of keys",
		Long:    fmt.Sprintf(keyGenerateText, keyTypeHelp()),
		Example: keyGenerateExample,
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := r.understand()
			if err != nil {
				return usageError(c, "%w", err)
			}
			return t.withLogin(r.partition, func(l login) error { return t.generateKey(l, o) })
		},
	}
	f := c.Flags()
	f.StringVarP(&r.keyType, "type", "t", "", "what to generate, as a `TYPE` of those above")
	f.StringVarP(&r.label, "label", "l", "", "`LABEL` of the key (CKA_LABEL)")
	f.StringVar(&r.id, "id", "", "ID of the key in `HEX` (CKA_ID; default: random)")
	f.StringSliceVar(&r.uses, "use", nil, "what the key is for: `USES` of those above (default: by type)")
	f.BoolVar(&r.extractable, "extractable", false, "allow the key to leave, wrapped under another")
	partitionFlag(c, &r.partition)
	t.userFlags(c)
	t.jsonFlag(c)
	return c
}

func (r keyRequest) understand() (o keyOrder, err error) {
	switch {
	case r.keyType == "":
		return o, fmt.Errorf("--type is missing")
	case r.label == "":
		return o, fmt.Errorf("--label is missing")
	}
	o.label, o.uses, o.extractable = r.label, r.uses, r.extractable
	if o.keySpec, err = parseKeyType(r.keyType); err != nil {
		return o, err
	}
	if len(o.uses) == 0 {
		o.uses = o.family.uses
	}
	if err = o.checkUses(o.uses); err != nil {
		return o, err
	}
	if o.id, err = hex.DecodeString(r.id); err != nil {
		return o, fmt.Errorf("--id %q is not hex", r.id)
	}
	if len(o.id) == 0 {
		o.id = make([]byte, newKeyID)
		_, err = rand.Read(o.id)
	}
	return o, err
}

func (t *tool) generateKey(l login, o keyOrder) error {
	if err := l.mustBeFree(ck.String(ck.CKA_LABEL, o.label), quote(o.label)); err != nil {
		return err
	}
	if err := l.mustBeFree(ck.Bytes(ck.CKA_ID, o.id), "with ID "+hex.EncodeToString(o.id)); err != nil {
		return err
	}
	ids, err := l.generate(o)
	if err != nil {
		return generateError(err, o)
	}
	made := []keyView{}
	for _, id := range ids {
		v, ok, err := l.view(id)
		if err != nil {
			return err
		}
		if ok {
			made = append(made, v)
		}
	}
	return t.show(made, func(w io.Writer) { printKeys(w, made) })
}

// mustBeFree refuses a label or ID that a key has already: programs name keys by
// them, and would take either.
func (l login) mustBeFree(a ck.Attribute, what string) error {
	taken, err := l.keys(ck.Template{a})
	if err != nil {
		return err
	}
	if len(taken) > 0 {
		return hintf("choose another, or see it: coffer key list", "there is a key %s already", what)
	}
	return nil
}

func (l login) generate(o keyOrder) ([]api.ObjectID, error) {
	m := &ck.Mechanism{Type: o.mech}
	if !o.pair {
		id, err := l.GenerateKey(l.who, m, append(o.secretTemplate(), o.size))
		return []api.ObjectID{id}, err
	}
	pub, priv, err := l.GenerateKeyPair(l.who, m, o.publicTemplate(), o.privateTemplate())
	return []api.ObjectID{priv, pub}, err
}

// common is what the templates of all keys begin with.
func (o keyOrder) common(class ck.ObjectClass) ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, class),
		ck.Ulong(ck.CKA_KEY_TYPE, o.keyType),
		ck.Bool(ck.CKA_TOKEN, true),
		ck.String(ck.CKA_LABEL, o.label),
		ck.Bytes(ck.CKA_ID, o.id),
		ck.Bool(ck.CKA_PRIVATE, class != ck.CKO_PUBLIC_KEY),
	}
}

func (o keyOrder) privateTemplate() ck.Template {
	t := append(o.common(ck.CKO_PRIVATE_KEY), o.protection()...)
	t = append(t, ck.Bool(ck.CKA_SIGN_RECOVER, false))
	for _, p := range purposes {
		t = append(t, ck.Bool(p.private, o.has(p)))
	}
	return t
}

func (o keyOrder) publicTemplate() ck.Template {
	t := append(o.common(ck.CKO_PUBLIC_KEY), o.size, ck.Bool(ck.CKA_VERIFY_RECOVER, false))
	if o.keyType == ck.CKK_RSA {
		t = append(t, ck.Bytes(ck.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}))
	}
	for _, p := range purposes {
		// Agreement is the private half's: a public key derives nothing.
		t = append(t, ck.Bool(p.public, p.public != p.private && o.has(p)))
	}
	return t
}

func (o keyOrder) secretTemplate() ck.Template {
	t := append(o.common(ck.CKO_SECRET_KEY), o.protection()...)
	for _, p := range purposes {
		t = append(t, ck.Bool(p.private, o.has(p)))
		if p.public != p.private {
			t = append(t, ck.Bool(p.public, o.has(p)))
		}
	}
	return t
}

func (o keyOrder) protection() ck.Template {
	return ck.Template{ck.Bool(ck.CKA_SENSITIVE, true), ck.Bool(ck.CKA_EXTRACTABLE, o.extractable)}
}

func (o keyOrder) has(p purpose) bool { return slices.Contains(o.uses, p.word) }

// generateError says what the codes mean that a wrong --type or --use ends in.
func generateError(err error, o keyOrder) error {
	switch ck.Code(err) {
	case ck.CKR_KEY_SIZE_RANGE, ck.CKR_ATTRIBUTE_VALUE_INVALID, ck.CKR_DOMAIN_PARAMS_INVALID, ck.CKR_CURVE_NOT_SUPPORTED:
		return hintf("sizes there are: "+o.about, "no %s key of that size: %w", o.name, err)
	case ck.CKR_TEMPLATE_INCONSISTENT, ck.CKR_ATTRIBUTE_TYPE_INVALID:
		return hintf("see coffer key generate --help", "a key of type %s cannot be like that: %w", o.name, err)
	}
	return fmt.Errorf("no key was made: %w", err)
}
