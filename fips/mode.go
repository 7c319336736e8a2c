package fips

import (
	"crypto/fips140"
	"sync/atomic"
)

// wanted is whether the accelerated paths are to be used in approved mode too.
var wanted atomic.Bool

// Accelerate says whether this process may use Coffer's own accelerated code in approved
// mode, which it does not unless it is told. It holds for what is made ready from now on.
func Accelerate(on bool) { wanted.Store(on) }

// MayAccelerate reports whether Coffer's own code may take the place of what the Go
// Cryptographic Module has. Out of approved mode it always may; with GODEBUG=fips140=only,
// which asks for nothing but that module, it never may.
func MayAccelerate() bool {
	return !fips140.Enabled() || wanted.Load() && !fips140.Enforced()
}

// certificates are those of the NIST CMVP for versions of the Go Cryptographic Module.
var certificates = map[string]string{"v1.0.0": "5247"}

// Module is what the cryptography of this process rests on.
type Module struct {
	Approved bool // approved mode is on: GODEBUG=fips140=on or only
	// Version is that of the Go Cryptographic Module; "latest" is what came with the
	// toolchain, whose code nobody has validated in that form.
	Version string
	// Certificate is the number of that version's validation, "" if it has none. It is the
	// Go Cryptographic Module's, and only in approved mode: Coffer holds none.
	Certificate string
}

// Running describes the module of this process.
func Running() Module {
	m := Module{Approved: fips140.Enabled(), Version: fips140.Version()}
	if m.Approved {
		m.Certificate = certificates[m.Version]
	}
	return m
}
