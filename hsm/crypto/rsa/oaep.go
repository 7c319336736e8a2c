package rsa

import (
	"crypto/subtle"
	"hash"
)

// OAEP is RSAES-OAEP (RFC 8017, section 7.1). Hash is that of the label, MGF
// that of MGF1.
type OAEP struct {
	Hash, MGF func() hash.Hash
	Label     []byte
}

// Decrypt is section 7.1.2: ErrDecryption whatever is wrong.
func (o OAEP) Decrypt(k *PrivateKey, c []byte) ([]byte, error) {
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	if k.Size() < 2*o.Hash().Size()+2 {
		return nil, ErrDecryption
	}
	em, err := k.open(c)
	if err != nil {
		return nil, err
	}
	return o.decode(em)
}

// decode is EME-OAEP (section 7.1.2, step 3). It changes em. What it does and how
// long it takes does not depend on em, but for the length of the message and for
// whether there is one.
func (o OAEP) decode(em []byte) ([]byte, error) {
	h := o.Hash()
	h.Write(o.Label)
	label := h.Sum(nil)
	seed, db := em[1:1+len(label)], em[1+len(label):]
	xorMGF1(seed, db, o.MGF())
	xorMGF1(db, seed, o.MGF())
	good := subtle.ConstantTimeByteEq(em[0], 0) & subtle.ConstantTimeCompare(label, db[:len(label)])
	// Zeros, a one, the message.
	rest := db[len(label):]
	at, one := scan(rest, func(b byte) int { return subtle.ConstantTimeByteEq(b, 1) })
	good &= one & zerosBefore(rest, at)
	if good != 1 {
		clear(em)
		return nil, ErrDecryption
	}
	return rest[at+1:], nil
}

// zerosBefore is 1 if all bytes of b before n are 0; it reads all of b.
func zerosBefore(b []byte, n int) int {
	bad := 0
	for i, c := range b {
		bad |= -(1 ^ subtle.ConstantTimeLessOrEq(n, i)) & int(c)
	}
	return subtle.ConstantTimeEq(int32(bad), 0)
}
