package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// The kinds of armor (RFC 9580, section 6.2.1), and how each begins.
const (
	pgpArmor      = "-----BEGIN PGP "
	pgpMessage    = "PGP MESSAGE"
	pgpMessageTop = pgpArmor + "MESSAGE-----"
)

// exportHint makes a file as it should be.
const exportHint = "gpg --armor --export KEY writes the public key of one custodian"

// openPGPCustodian reads the file with the armored public key of one custodian, and
// holds the key to what gpg would: not expired, not revoked, made to encrypt.
func openPGPCustodian(path string) (custodian, error) {
	text, err := readKeys(path)
	if err != nil {
		return custodian{}, err
	}
	key, err := parseOpenPGP(text, time.Now())
	if err != nil {
		return custodian{}, &advised{fmt.Errorf("%s: %w", plain(path), err), exportHint, exitUsage}
	}
	return custodian{key: fmt.Sprintf("%X", key.PrimaryKey.Fingerprint), who: openPGPName(key), suffix: ".asc", encrypt: func(w io.Writer) (io.WriteCloser, error) {
		return encryptOpenPGP(w, key)
	}}, nil
}

// parseOpenPGP reads the one public key in text, to which can be encrypted now.
func parseOpenPGP(text []byte, now time.Time) (*openpgp.Entity, error) {
	switch bytes.Count(text, []byte(pgpArmor)) {
	case 0:
		return nil, errors.New("no armored OpenPGP key")
	case 1:
	default:
		return nil, errManyKeys
	}
	block, err := armor.Decode(bytes.NewReader(text))
	if err != nil {
		return nil, errors.New("the armor of the OpenPGP key is damaged")
	}
	switch block.Type {
	case openpgp.PublicKeyType:
	case openpgp.PrivateKeyType:
		return nil, errors.New("a private key, which nobody but its owner is to have")
	default:
		return nil, fmt.Errorf("no public key, but %q", block.Type)
	}
	packets := packet.NewReader(block.Body)
	key, err := openpgp.ReadEntity(packets)
	if err != nil {
		return nil, errors.New("the OpenPGP key is damaged, or of a kind that is not known here")
	}
	if _, err := packets.NextWithUnsupported(); err != io.EOF {
		return nil, errManyKeys
	}
	_, err = key.EncryptionKeyWithError(now, nil)
	return key, unusable(err)
}

var errManyKeys = errors.New("more than one OpenPGP key: a share has one custodian")

// unusable says why nothing is encrypted to a key.
func unusable(err error) error {
	if err == nil {
		return nil
	}
	var why pgperrors.ErrEncryptionKeySelection
	var of *pgperrors.ErrEncryptionKeySelection
	if errors.As(err, &of) {
		why = *of
	} else if !errors.As(err, &why) {
		return err
	}
	what := "the key"
	if why.PrimaryKeyErr == nil {
		what = "its key for encryption"
	}
	cause := errors.Join(why.PrimaryKeyErr, why.EncSelectionErr)
	var weak pgperrors.WeakAlgorithmError
	switch {
	case errors.Is(cause, pgperrors.ErrKeyExpired), errors.Is(cause, pgperrors.ErrSignatureExpired):
		return errors.New(what + " has expired")
	case errors.Is(cause, pgperrors.ErrKeyRevoked):
		return errors.New(what + " is revoked")
	case errors.As(cause, &weak):
		return fmt.Errorf("%s is too weak: %w", what, weak)
	case why.PrimaryKeyErr != nil:
		return errors.New("nothing in it is signed by the key itself, and valid")
	case why.EncSelectionKeyId == nil:
		return errors.New("the key has no subkey for encryption")
	}
	return errors.New("its key for encryption is not signed by the key itself")
}

// openPGPName is the fingerprint, which a person can compare, and the name that the key
// claims.
func openPGPName(key *openpgp.Entity) string {
	name := fmt.Sprintf("%X", key.PrimaryKey.Fingerprint)
	if _, id := key.PrimaryIdentity(time.Now(), nil); id != nil {
		name += " " + quote(id.Name)
	}
	return name
}

// encryptOpenPGP makes a writer of an armored message to key, with AES-256 if its owner's
// preferences know it, not compressed and not signed.
func encryptOpenPGP(w io.Writer, key *openpgp.Entity) (io.WriteCloser, error) {
	armored, err := armor.Encode(w, pgpMessage, nil)
	if err != nil {
		return nil, err
	}
	inside, err := openpgp.Encrypt(armored, []*openpgp.Entity{key}, nil, nil, nil, &packet.Config{DefaultCipher: packet.CipherAES256})
	if err != nil {
		return nil, err
	}
	return layered{inside, newlineAfter{armored, w}}, nil
}

// newlineAfter ends the last line of an armor, which its writer does not.
type newlineAfter struct {
	armor io.Closer
	w     io.Writer
}

func (n newlineAfter) Close() error {
	if err := n.armor.Close(); err != nil {
		return err
	}
	_, err := io.WriteString(n.w, "\n")
	return err
}

// isOpenPGP reports whether text is an armored OpenPGP message.
func isOpenPGP(text []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(text), []byte(pgpMessageTop))
}

// errOpenPGPShare sends a share to gpg: keys of OpenPGP are in its keeping, or on cards.
var errOpenPGPShare = &advised{errors.New("it is encrypted to an OpenPGP key"),
	"its custodian decrypts it: gpg --decrypt FILE | coffer ... --share-file /dev/stdin", exitFailed}
