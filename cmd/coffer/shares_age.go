package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// parseRecipients reads age recipients, one a custodian.
func parseRecipients(names []string) (all []age.Recipient, err error) {
	for i, name := range names {
		one, err := age.ParseRecipients(strings.NewReader(name))
		if err != nil || len(one) != 1 {
			return nil, fmt.Errorf("recipient %d is not one of age: it begins with age1", i+1)
		}
		all = append(all, one[0])
	}
	return all, nil
}

// encryptTo makes an armored age file of text.
func encryptTo(to age.Recipient, text *secret.Bytes) (*secret.Bytes, error) {
	var out bytes.Buffer
	armored := armor.NewWriter(&out)
	w, err := age.Encrypt(armored, to)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text.Expose()); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if err := armored.Close(); err != nil {
		return nil, err
	}
	return secret.From(out.Bytes()), nil
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
