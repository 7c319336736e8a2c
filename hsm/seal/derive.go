package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"runtime"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// prefix begins every label, so that a key or a tag of this format can be none
// of another.
const prefix = "coffer/seal/1 "

// extract concentrates key material (HKDF-Extract with SHA-256, RFC 5869,
// section 2.2).
func extract(ikm, salt []byte) (*secret.Bytes, error) {
	prk, err := hkdf.Extract(sha256.New, ikm, salt)
	if err != nil {
		return nil, err
	}
	return secret.From(prk), nil
}

// expand derives the key of a label and what it is bound to (HKDF-Expand with
// SHA-256, RFC 5869, section 2.3). The parts of context have fixed lengths.
func expand(prk *secret.Bytes, label string, context ...[]byte) (*secret.Bytes, error) {
	if prk.Len() == 0 {
		return nil, ErrWiped
	}
	info := append(make([]byte, 0, 96), prefix...)
	info = append(info, label...)
	for _, c := range context {
		info = append(info, c...)
	}
	key, err := hkdf.Expand(sha256.New, prk.Expose(), string(info), KeySize)
	runtime.KeepAlive(prk)
	if err != nil {
		return nil, err
	}
	return secret.From(key), nil
}
