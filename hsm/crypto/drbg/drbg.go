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
	g, err := instantiate(&seed)
	defer g.wipe()
	if err != nil {
		return err
	}
	return g.generate(dst)
}

// generator is the working state: Key and V.
type generator struct {
	key [keySize]byte
	v   [blockSize]byte
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
func instantiate(seed *[seedSize]byte) (generator, error) {
	stream, err := first()
	return newState(&stream, seed), err
}

// update is CTR_DRBG_Update (section 10.2.1.2).
func (g *generator) update(provided *[seedSize]byte) error {
	var stream [seedSize]byte
	err := g.generate(stream[:])
	*g = newState(&stream, provided)
	return err
}

// newState is how CTR_DRBG_Update ends: output and what is provided give Key and V. It
// wipes stream.
func newState(stream, provided *[seedSize]byte) generator {
	defer clear(stream[:])
	subtle.XORBytes(stream[:], stream[:], provided[:])
	return generator{[keySize]byte(stream[:keySize]), [blockSize]byte(stream[keySize:])}
}

// generate is CTR_DRBG_Generate_algorithm (section 10.2.1.5.1) but for its last step,
// the update, which who goes on does himself. len(dst) is at most MaxRequest.
func (g *generator) generate(dst []byte) error {
	clear(dst)
	err := aes.CTROnce(g.key[:], g.counter(), dst)
	add(&g.v, uint64((len(dst)+blockSize-1)/blockSize))
	return err
}

// counter is V + 1, where the next output begins.
func (g *generator) counter() *[blockSize]byte {
	c := g.v
	add(&c, 1)
	return &c
}

// add adds n to v modulo 2^128, in a time that does not depend on v.
func add(v *[blockSize]byte, n uint64) {
	low := binary.BigEndian.Uint64(v[8:])
	sum := low + n
	carry := ((low & n) | ((low | n) &^ sum)) >> 63
	binary.BigEndian.PutUint64(v[8:], sum)
	binary.BigEndian.PutUint64(v[:], binary.BigEndian.Uint64(v[:])+carry)
}
