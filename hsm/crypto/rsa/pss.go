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

// MaxSalt is the longest salt in bytes that a key of so many bits has room for, beside a
// hash of so many bytes; below 0, the hash itself does not fit.
func MaxSalt(bits, hash int) int { return emLen(bits) - hash - 2 }

// fits says whether digest is one of h, and there is room for it and the salt.
func (s PSS) fits(bits int, digest []byte, h hash.Hash) bool {
	return len(digest) == h.Size() && s.SaltLen >= 0 && s.SaltLen <= MaxSalt(bits, len(digest))
}

// emLen is the length of the encoded message: that of a number of bits-1 bits.
func emLen(bits int) int { return (bits - 1 + 7) / 8 }

// Sign signs digest, which has the length of Hash, and appends the signature to dst:
// ErrLength if the salt does not fit.
func (s PSS) Sign(dst []byte, k *PrivateKey, digest []byte) ([]byte, error) {
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	return s.sign(dst, k, digest)
}

func (s PSS) sign(dst []byte, k *PrivateKey, digest []byte) ([]byte, error) {
	salt := borrowBytes(max(s.SaltLen, 0))
	defer giveBackBytes(salt)
	rand.Read(*salt) // never fails
	em := borrowBytes(emLen(k.n.BitLen()))
	defer giveBackBytes(em)
	if err := s.encode(*em, k.n.BitLen(), digest, *salt); err != nil {
		return nil, err
	}
	return k.private.decrypt(dst, *em) // it has a bit less than n
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

// encode is EMSA-PSS-ENCODE (section 9.1.1), from step 3. em is emLen bytes, all zero.
func (s PSS) encode(em []byte, bits int, digest, salt []byte) error {
	state := s.Hash()
	if !s.fits(bits, digest, state) {
		return ErrLength
	}
	db := em[:len(em)-len(digest)-1]
	h := hashSalted(em[len(db):len(db)], state, digest, salt)
	db[len(db)-len(salt)-1] = 1
	copy(db[len(db)-len(salt):], salt)
	xorMGF1(db, h, s.MGF())
	db[0] &= topMask(bits)
	em[len(em)-1] = 0xbc
	return nil
}

// check is EMSA-PSS-VERIFY (section 9.1.2), from step 3. It changes em.
func (s PSS) check(bits int, digest, em []byte) error {
	state := s.Hash()
	if !s.fits(bits, digest, state) {
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
	if subtle.ConstantTimeCompare(h, hashSalted(nil, state, digest, salt)) != 1 {
		return ErrVerification
	}
	return nil
}

// zeros is what M' begins with.
var zeros [8]byte

// hashSalted is steps 5 and 6 of encoding: it appends the hash of M', which is eight zero
// bytes, the digest and the salt, to dst. h is new.
func hashSalted(dst []byte, h hash.Hash, digest, salt []byte) []byte {
	h.Write(zeros[:])
	h.Write(digest)
	h.Write(salt)
	return h.Sum(dst)
}

// topMask keeps the bits of the first byte of an encoded message that count
// (section 9.1.1, step 11).
func topMask(bits int) byte { return 0xff >> (8*emLen(bits) - (bits - 1)) }

// xorMGF1 masks dst with MGF1 of seed (appendix B.2.1).
func xorMGF1(dst, seed []byte, h hash.Hash) {
	room := borrowBytes(4 + h.Size())
	defer giveBackBytes(room)
	counter, block := (*room)[:4], (*room)[4:]
	for i := uint32(0); len(dst) > 0; i++ {
		binary.BigEndian.PutUint32(counter, i)
		h.Reset()
		h.Write(seed)
		h.Write(counter)
		n := subtle.XORBytes(dst, dst, h.Sum(block[:0]))
		dst = dst[n:]
	}
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
