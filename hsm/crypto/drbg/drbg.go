// Package drbg is CTR_DRBG with AES-256 and no derivation function (NIST SP 800-90A
// Rev. 1, section 10.2.1), for random numbers in bulk: crypto/rand asks the kernel
// for every byte, which takes several times as long.
//
// No generator outlives its request. Each one is instantiated with 48 fresh bytes of
// crypto/rand, gives at most 64 KiB, and is wiped: there is no state that a fork, a
// snapshot of a virtual machine or a look into memory could repeat or go back from,
// and nothing that threads share.
package drbg

import (
	"crypto/fips140"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/crypto/aes"
)

const (
	keySize   = 32
	blockSize = 16
	seedSize  = keySize + blockSize // SP 800-90A, table 3

	// MaxRequest is the most that one generator gives, in bytes: 2^19 bits (table 3).
	MaxRequest = 1 << 16
	// worth is the shortest request in bytes that is worth a generator.
	worth = 1024
)

// Read fills dst with random bytes. The error is that of fips.Failed; crypto/rand
// itself never fails. Short requests, and all of them where the Go Cryptographic
// Module is to be used (GODEBUG=fips140), are crypto/rand's: no configuration puts
// another generator in its place there.
func Read(dst []byte) error {
	if len(dst) < worth || fips140.Enabled() {
		rand.Read(dst)
		return nil
	}
	if err := selfTest.Ready(); err != nil {
		return err
	}
	for len(dst) > 0 {
		n := min(len(dst), MaxRequest)
		if err := fill(dst[:n]); err != nil {
			return err
		}
		dst = dst[n:]
	}
	return nil
}

// fill is one generator's life.
func fill(dst []byte) error {
	var seed [seedSize]byte
	defer clear(seed[:])
	rand.Read(seed[:])
	var g generator
	defer g.wipe()
	if err := g.instantiate(&seed); err != nil {
		return err
	}
	return g.generate(dst)
}

// generator is the working state: Key and V, and where output begins. It is never copied,
// so that wipe leaves none of it behind.
type generator struct {
	key   [keySize]byte
	v     [blockSize]byte
	start [blockSize]byte // V + 1
}

func (g *generator) wipe() { *g = generator{} }

// first is the output of the state that all generators begin with, Key and V all zeros:
// made once, since it is no secret.
var first = sync.OnceValues(func() (stream [seedSize]byte, err error) {
	err = new(generator).generate(stream[:])
	return stream, err
})

// instantiate is CTR_DRBG_Instantiate_algorithm without a personalization string
// (section 10.2.1.3.1): CTR_DRBG_Update of the state that is all zeros.
func (g *generator) instantiate(seed *[seedSize]byte) error {
	stream, err := first()
	g.set(&stream, seed)
	return err
}

// update is CTR_DRBG_Update (section 10.2.1.2).
func (g *generator) update(provided *[seedSize]byte) error {
	var stream [seedSize]byte
	err := g.generate(stream[:])
	g.set(&stream, provided)
	return err
}

// set is how CTR_DRBG_Update ends: output and what is provided give Key and V. It wipes
// stream.
func (g *generator) set(stream, provided *[seedSize]byte) {
	defer clear(stream[:])
	subtle.XORBytes(stream[:], stream[:], provided[:])
	copy(g.key[:], stream[:keySize])
	copy(g.v[:], stream[keySize:])
}

// generate is CTR_DRBG_Generate_algorithm (section 10.2.1.5.1) but for its last step,
// the update, which who goes on does himself. len(dst) is at most MaxRequest.
func (g *generator) generate(dst []byte) error {
	clear(dst)
	g.start = g.v
	add(&g.start, 1)
	err := aes.CTROnce(g.key[:], &g.start, dst)
	add(&g.v, uint64((len(dst)+blockSize-1)/blockSize))
	return err
}

// add adds n to v modulo 2^128, in a time that does not depend on v.
func add(v *[blockSize]byte, n uint64) {
	low := binary.BigEndian.Uint64(v[8:])
	sum := low + n
	carry := ((low & n) | ((low | n) &^ sum)) >> 63
	binary.BigEndian.PutUint64(v[8:], sum)
	binary.BigEndian.PutUint64(v[:], binary.BigEndian.Uint64(v[:])+carry)
}
