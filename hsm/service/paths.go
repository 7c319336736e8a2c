package service

import (
	"github.com/coffer-hsm/coffer/hsm/crypto/aes"
	"github.com/coffer-hsm/coffer/hsm/crypto/rsa"
)

// Paths are the implementations of what has several, for keys that are made ready now.
type Paths struct {
	AES string // aes.Path
	RSA string // "ifma" or "portable", which is the standard library
}

// InUse tells the paths of this process.
func InUse() Paths {
	p := Paths{AES: aes.Path(), RSA: "portable"}
	if rsa.Accelerated() {
		p.RSA = "ifma"
	}
	return p
}
