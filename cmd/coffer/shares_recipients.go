package main

import (
	"bytes"
	"crypto/fips140"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// custodian is whom a share is encrypted to.
type custodian struct {
	key    string // names the key that it is encrypted to, however it was given
	who    string // said when the share is written; empty: the recipient said it all
	suffix string // of the file
	// encrypt makes a writer of what is encrypted, armored, to w.
	encrypt func(w io.Writer) (io.WriteCloser, error)
}

// pgpPrefix begins a recipient that is a file with an OpenPGP key.
const pgpPrefix = "pgp:"

// parseRecipient reads one recipient of a share: of age, or pgp:FILE.
func parseRecipient(name string) (custodian, error) {
	if path, is := strings.CutPrefix(name, pgpPrefix); is {
		return openPGPCustodian(path)
	}
	return ageCustodian(name)
}

// errNotApproved is why shares are not encrypted where algorithms are to be approved.
// Both formats derive or encrypt with what is in no FIPS or SP 800 document: age with
// X25519 and ChaCha20-Poly1305, OpenPGP with its CFB and SHA-1, or PKCS #1 v1.5.
var errNotApproved = &advised{errors.New("--recipient encrypts shares with age or OpenPGP, whose algorithms are not approved"),
	"without it they are shown at the terminal, or written by --out-dir; a backup can be for a public key on P-256: --recipients-file", exitUsage}

// custodians are those of --recipient, one for each of n shares; nil if nothing is to be
// encrypted.
func (o *dealOptions) custodians(n int) (all []custodian, err error) {
	if len(o.recipients) == 0 {
		return nil, nil
	}
	if o.approved || fips140.Enabled() {
		return nil, errNotApproved
	}
	if len(o.recipients) != n {
		return nil, &advised{fmt.Errorf("%d recipients for %d shares: give --recipient once for each", len(o.recipients), n), "", exitUsage}
	}
	for i, name := range o.recipients {
		one, err := parseRecipient(name)
		if err != nil {
			return nil, inRecipient(i+1, err)
		}
		same := func(c custodian) bool { return c.key == one.key }
		if n := slices.IndexFunc(all, same); n >= 0 {
			return nil, inRecipient(i+1, fmt.Errorf("%w: recipient %d", errTwoShares, n+1))
		}
		all = append(all, one)
	}
	return all, nil
}

// errTwoShares keeps a custodian from counting as two: fewer people than --threshold says
// would then be enough.
var errTwoShares = &advised{errors.New("this custodian has a share already"), "each share goes to somebody else", exitUsage}

// inRecipient says which recipient err is about, and keeps what it advises.
func inRecipient(number int, err error) error {
	a := *adviceFor(err)
	a.error = fmt.Errorf("recipient %d: %w", number, err)
	return &a
}

// encryptFor is text as only the custodian reads it. text is wiped.
func (c custodian) encryptFor(text *secret.Bytes) (*secret.Bytes, error) {
	defer text.Zero()
	var out bytes.Buffer
	w, err := c.encrypt(&out)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text.Expose()); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return secret.From(out.Bytes()), nil
}

// layered closes the writer of what is encrypted, and then that of its armor.
type layered struct {
	io.WriteCloser
	armor io.Closer
}

func (l layered) Close() error {
	if err := l.WriteCloser.Close(); err != nil {
		return err
	}
	return l.armor.Close()
}
