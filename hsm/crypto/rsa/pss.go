package rsa

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"hash"
)

// PSS is RSASSA-PSS (RFC 8017, section 8.1) over a message that has been hashed
// already. Hash is that of the message, MGF that of MGF1; SaltLen is in bytes
// and may be 0.
type PSS struct {
	Hash, MGF func() hash.Hash
	SaltLen   int
}

// MaxSalt is the longest salt that a key of so many bits has room for; below 0,
// the hash itself does not fit.
func (s PSS) MaxSalt(bits int) int { return emLen(bits) - s.Hash().Size() - 2 }

// emLen is the length of the encoded message: that of a number of bits-1 bits.
func emLen(bits int) int { return (bits - 1 + 7) / 8 }

// Sign signs digest, which has the length of Hash: ErrLength if the salt does
// not fit.
func (s PSS) Sign(k *PrivateKey, digest []byte) ([]byte, error) {
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	return s.sign(k, digest)
}

func (s PSS) sign(k *PrivateKey, digest []byte) ([]byte, error) {
	salt := make([]byte, max(s.SaltLen, 0))
	rand.Read(salt) // never fails
	em, err := s.encode(k.n.BitLen(), digest, salt)
	if err != nil {
		return nil, err
	}
	return k.decrypt(em)
}

// Verify checks a signature: ErrVerification whatever is wrong with it.
func (s PSS) Verify(k *PublicKey, digest, sig []byte) error {
	if err := selfTest.Ready(); err != nil {
		return err
	}
	return s.verify(k, digest, sig)
}

func (s PSS) verify(k *PublicKey, digest, sig []byte) error {
	if len(sig) != k.Size() {
		return ErrVerification
	}
	m, err := k.encrypt(sig)
	if err != nil {
		return ErrVerification
	}
	// RFC 8017, section 8.1.2, step 2c: the number must fit emLen bytes, which is
	// one less than the modulus has if its first byte is 1.
	n := emLen(k.n.BitLen())
	if extra := m[:len(m)-n]; !allZero(extra) {
		return ErrVerification
	}
	return s.check(k.n.BitLen(), digest, m[len(m)-n:])
}

// encode is EMSA-PSS-ENCODE (section 9.1.1), from step 3.
func (s PSS) encode(bits int, digest, salt []byte) ([]byte, error) {
	if s.SaltLen < 0 || s.SaltLen > s.MaxSalt(bits) || len(digest) != s.Hash().Size() {
		return nil, ErrLength
	}
	h := s.hash(digest, salt)
	em := make([]byte, emLen(bits))
	db := em[:len(em)-len(h)-1]
	db[len(db)-len(salt)-1] = 1
	copy(db[len(db)-len(salt):], salt)
	xorMGF1(db, h, s.MGF())
	db[0] &= topMask(bits)
	copy(em[len(db):], h)
	em[len(em)-1] = 0xbc
	return em, nil
}

// check is EMSA-PSS-VERIFY (section 9.1.2), from step 3. It changes em.
func (s PSS) check(bits int, digest, em []byte) error {
	if s.SaltLen < 0 || s.SaltLen > s.MaxSalt(bits) || len(digest) != s.Hash().Size() {
		return ErrVerification
	}
	db, h := em[:len(em)-len(digest)-1], em[len(em)-len(digest)-1:len(em)-1]
	if em[len(em)-1] != 0xbc || db[0]&^topMask(bits) != 0 {
		return ErrVerification
	}
	xorMGF1(db, h, s.MGF())
	db[0] &= topMask(bits)
	ps, salt := db[:len(db)-s.SaltLen-1], db[len(db)-s.SaltLen:]
	if !allZero(ps) || db[len(ps)] != 1 {
		return ErrVerification
	}
	if subtle.ConstantTimeCompare(h, s.hash(digest, salt)) != 1 {
		return ErrVerification
	}
	return nil
}

// hash is steps 5 and 6 of encoding: the hash of M', which is eight zero bytes,
// the digest and the salt.
func (s PSS) hash(digest, salt []byte) []byte {
	h := s.Hash()
	var zeros [8]byte
	h.Write(zeros[:])
	h.Write(digest)
	h.Write(salt)
	return h.Sum(nil)
}

// topMask keeps the bits of the first byte of an encoded message that count
// (section 9.1.1, step 11).
func topMask(bits int) byte { return 0xff >> (8*emLen(bits) - (bits - 1)) }

// xorMGF1 masks dst with MGF1 of seed (appendix B.2.1).
func xorMGF1(dst, seed []byte, h hash.Hash) {
	var counter [4]byte
	var block []byte
	for i := uint32(0); len(dst) > 0; i++ {
		binary.BigEndian.PutUint32(counter[:], i)
		h.Reset()
		h.Write(seed)
		h.Write(counter[:])
		block = h.Sum(block[:0])
		n := subtle.XORBytes(dst, dst, block)
		dst = dst[n:]
	}
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
