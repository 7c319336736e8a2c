package service

import (
	"sync"

	"github.com/coffer-hsm/coffer/hsm/object"
)

// Key is a key ready for use: its attributes, its secret, and the form the
// mechanisms work with, parsed on first use and kept.
type Key struct {
	*object.Object
	Material *object.Material // nil for public keys and domain parameters

	once   sync.Once
	parsed any
	err    error
}

// NewKey prepares a key for use. The Key owns the material from here on.
func NewKey(o *object.Object, m *object.Material) *Key {
	return &Key{Object: o, Material: m}
}
