//go:build !purego

package aes

import (
	"crypto/cipher"
	"sync"
)

// vaes is a key for the assembly. All that is secret of it is in here, not behind
// pointers, as whenForgotten has it.
type vaes struct {
	block cipher.Block
	schedules

	hash   sync.Once // makes powers
	powers hashPowers
}

func newVAES(key []byte, block cipher.Block) modes {
	v := &vaes{block: block}
	v.prepare(key)
	return v
}

var vaesOnce = once{
	encrypt: func(key []byte, block *[blockSize]byte) {
		var s schedule // on the stack, which a kernel by name leaves it on
		defer clear(s[:])
		expand(&s, key)
		encryptBlocks(&s, &block[0], &block[0], blockSize)
	},
	ctr: func(key []byte, counter *[blockSize]byte, b []byte) {
		var s schedule
		defer clear(s[:])
		expand(&s, key)
		c := ctr{keys: &s, next: parseCounter(counter)}
		defer func() { c = ctr{} }() // a generator's counter is secret too
		c.XORKeyStream(b, b)
	},
}

func (v *vaes) zero() {
	v.schedules.zero()
	clear(v.powers[:])
}

func (v *vaes) abandon() { whenForgotten(v, (*vaes).zero) }

func (v *vaes) ecb(decrypt bool) cipher.BlockMode {
	if decrypt {
		return ecbs.with(ecb{&v.decrypt, decryptBlocks})
	}
	return ecbs.with(ecb{&v.encrypt, encryptBlocks})
}

func (v *vaes) cbc(iv *[blockSize]byte, decrypt bool) cipher.BlockMode {
	if decrypt {
		return cbcs.with(cbc{&v.decrypt, decryptCBC, true, *iv})
	}
	return cbcs.with(cbc{&v.encrypt, encryptCBC, false, *iv})
}
