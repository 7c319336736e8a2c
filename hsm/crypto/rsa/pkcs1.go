package rsa

import (
	"crypto"
	"crypto/subtle"
)

// pkcs1Overhead is what the padding of PKCS #1 v1.5 takes at least, in bytes:
// RFC 8017, sections 7.2.1 and 9.2.
const pkcs1Overhead = 11

// nistHashes is the last arc of the hashes below 2.16.840.1.101.3.4.2.
var nistHashes = map[crypto.Hash]byte{
	crypto.SHA256: 1, crypto.SHA384: 2, crypto.SHA512: 3, crypto.SHA224: 4,
	crypto.SHA512_224: 5, crypto.SHA512_256: 6,
	crypto.SHA3_224: 7, crypto.SHA3_256: 8, crypto.SHA3_384: 9, crypto.SHA3_512: 10,
}

// digestInfos are made once, for every hash that there is.
var digestInfos = func() map[crypto.Hash][]byte {
	sha1 := []byte{0x2b, 0x0e, 0x03, 0x02, 0x1a} // 1.3.14.3.2.26
	all := map[crypto.Hash][]byte{crypto.SHA1: digestInfo(crypto.SHA1, sha1)}
	for h, arc := range nistHashes {
		all[h] = digestInfo(h, []byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, arc})
	}
	return all
}()

// digestInfo is the DER of a DigestInfo (RFC 8017, section 9.2, note 1) without
// the digest, which comes last.
func digestInfo(h crypto.Hash, oid []byte) []byte {
	n, size := byte(len(oid)), byte(h.Size())
	der := []byte{0x30, 4 + n + 4 + size, 0x30, 2 + n + 2, 0x06, n}
	der = append(der, oid...)
	return append(der, 0x05, 0x00, 0x04, size)
}

// SignPKCS1v15 is RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2.1) over a digest; of
// hash 0, over data that is a DigestInfo or anything else. It appends the signature to
// dst. ErrLength if it does not fit, or the digest is not one of that hash.
func (k *PrivateKey) SignPKCS1v15(dst []byte, h crypto.Hash, digest []byte) ([]byte, error) {
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	em := borrowBytes(k.Size())
	defer giveBackBytes(em)
	if err := encodePKCS1v15(*em, h, digest); err != nil {
		return nil, err
	}
	return k.private.decrypt(dst, *em) // it begins with 0, so it is below n
}

// encodePKCS1v15 is EMSA-PKCS1-v1_5 (section 9.2), from step 2. em is all zero.
func encodePKCS1v15(em []byte, h crypto.Hash, digest []byte) error {
	info := digestInfos[h]
	if h != 0 && (info == nil || len(digest) != h.Size()) {
		return ErrLength
	}
	size, n := len(em), len(info)+len(digest)
	if n > size-pkcs1Overhead {
		return ErrLength
	}
	em[1] = 1
	for i := 2; i < size-n-1; i++ {
		em[i] = 0xff
	}
	copy(em[size-n:], info)
	copy(em[size-len(digest):], digest)
	return nil
}

// DecryptPKCS1v15 is RSAES-PKCS1-v1_5 (RFC 8017, section 7.2.2): ErrDecryption
// whatever is wrong. Whether there is an error tells about the padding, so that
// who can ask often enough reads messages; it is for the caller to hide it.
func (k *PrivateKey) DecryptPKCS1v15(c []byte) ([]byte, error) {
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	em, err := k.open(c)
	if err != nil {
		return nil, err
	}
	return decodePKCS1v15(em)
}

// open is the operation that the decryption schemes begin with: step 1 and 2 of
// sections 7.1.2 and 7.2.2. A fault of the machine comes through as it is.
func (k *PrivateKey) open(c []byte) ([]byte, error) {
	if len(c) != k.Size() {
		return nil, ErrDecryption
	}
	em, err := k.decrypt(c)
	if err == ErrRange {
		return nil, ErrDecryption
	}
	return em, err
}

// decodePKCS1v15 is EME-PKCS1-v1_5 (section 7.2.2, step 3). What it does and how
// long it takes does not depend on em, but for the length of the message and for
// whether there is one.
func decodePKCS1v15(em []byte) ([]byte, error) {
	if len(em) < pkcs1Overhead {
		return nil, ErrDecryption
	}
	good := subtle.ConstantTimeByteEq(em[0], 0) & subtle.ConstantTimeByteEq(em[1], 2)
	at, end := scan(em[2:], func(b byte) int { return subtle.ConstantTimeByteEq(b, 0) })
	good &= end & subtle.ConstantTimeLessOrEq(8, at)
	if good != 1 {
		clear(em)
		return nil, ErrDecryption
	}
	return em[2+at+1:], nil
}

// scan is the place of the first byte that ends a padding, and 1 if there is one.
// It calls ends, which answers 0 or 1, for every byte.
func scan(b []byte, ends func(byte) int) (at, found int) {
	for i, c := range b {
		here := ends(c) &^ found
		at = subtle.ConstantTimeSelect(here, i, at)
		found |= here
	}
	return at, found
}
