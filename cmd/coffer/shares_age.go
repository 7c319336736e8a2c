package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// ageCustodian reads a recipient of age.
func ageCustodian(name string) (custodian, error) {
	one, err := age.ParseRecipients(strings.NewReader(name))
	if err != nil || len(one) != 1 {
		return custodian{}, &advised{errors.New("neither one of age nor a file with an OpenPGP key"), "age1... or pgp:FILE", exitUsage}
	}
	return custodian{key: fmt.Sprint(one[0]), suffix: ".age", encrypt: func(w io.Writer) (io.WriteCloser, error) {
		armored := armor.NewWriter(w)
		inside, err := age.Encrypt(armored, one[0])
		return layered{inside, armored}, err
	}}, nil
}

// isArmored reports whether text is an armored age file.
func isArmored(text []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(text), []byte(armor.Header))
}

// decryptWith opens an armored age file with the identities in files.
func decryptWith(files []string, text []byte) (*secret.Bytes, error) {
	if len(files) == 0 {
		return nil, hintf("name the file with the age identity: --identity", "it is encrypted")
	}
	var all []age.Identity
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		ids, err := age.ParseIdentities(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s is not a file of age identities", plain(path))
		}
		all = append(all, ids...)
	}
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(text)), all...)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, maxShareFile)
	defer clear(buf)
	n, err := io.ReadFull(r, buf)
	if err != io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("what is encrypted is not a share: %w", orTooLong(err))
	}
	return secret.From(buf[:n]), nil
}
