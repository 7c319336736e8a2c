//go:build !purego

package aes

import (
	"crypto/subtle"
	"encoding/binary"

	"github.com/coffer-hsm/coffer/hsm/crypto/gcm"
)

// element is a member of GHASH's field with its bytes turned around, as the
// assembly has them.
type element = [blockSize]byte

// hashPowers is what the assembly needs of the hash key H: its powers H^32 ... H^1,
// each divided by x, and room for it to read on.
type hashPowers = [32 + 3]element

// hashKey returns the powers.
func (v *vaes) hashKey() *hashPowers {
	v.hash.Do(func() {
		var h [blockSize]byte
		defer clear(h[:])
		encryptBlocks(&v.encrypt, &h[0], &h[0], blockSize)
		makePowers(&v.powers, &h)
	})
	return &v.powers
}

// makePowers makes the powers of the hash key h.
func makePowers(powers *hashPowers, h *[blockSize]byte) {
	hi, lo := binary.BigEndian.Uint64(h[:8]), binary.BigEndian.Uint64(h[8:])
	// Divide by x: where the coefficient of x^0 falls out, the highest bit,
	// 1/x = x^127 + x^6 + x + 1 comes back in.
	out := -(hi >> 63)
	hi, lo = hi<<1|lo>>63, lo<<1
	first := &powers[31]
	binary.LittleEndian.PutUint64(first[:8], lo^out&1)
	binary.LittleEndian.PutUint64(first[8:], hi^out&(0xc2<<56))
	hashTable(powers)
}

// gcmRun is GCM at work on one message.
type gcmRun struct {
	keys   *schedule
	powers *hashPowers
	y      element // the hash
	next   counter
	mask   [blockSize]byte // the encrypted J_0
	aadLen int
}

// start does steps 1 to 3 and the additional data of step 5 of SP 800-38D section 7.1.
func (v *vaes) start(iv, aad []byte) gcmRun {
	r := gcmRun{keys: &v.encrypt, powers: v.hashKey(), aadLen: len(aad)}
	j0 := r.preCounter(iv)
	r.next = parseCounter(&j0)
	encryptBlocks(r.keys, &r.mask[0], &j0[0], blockSize)
	r.skip(1)
	r.update(aad)
	return r
}

func (r *gcmRun) preCounter(iv []byte) (j0 [blockSize]byte) {
	if len(iv) == gcm.StandardIVSize {
		copy(j0[:], iv)
		j0[blockSize-1] = 1
		return j0
	}
	r.update(iv)
	r.lengths(0, len(iv))
	j0 = r.sum()
	clear(r.y[:])
	return j0
}

// skip moves the last 32 bits of the counter on, which is inc32 of section 6.2.
func (r *gcmRun) skip(blocks uint64) {
	r.next[0] = r.next[0]&^0xffffffff | uint64(uint32(r.next[0]+blocks))
}

// update takes in data, filled up with zeros to whole blocks.
func (r *gcmRun) update(data []byte) {
	for len(data) > 0 {
		n := min(len(data), maxRun)
		hashBlocks(r.powers, &r.y, &data[0], n)
		data = data[n:]
	}
}

// lengths takes in the last block, of two lengths in bytes.
func (r *gcmRun) lengths(a, b int) {
	var block [blockSize]byte
	binary.BigEndian.PutUint64(block[:8], 8*uint64(a))
	binary.BigEndian.PutUint64(block[8:], 8*uint64(b))
	hashBlocks(r.powers, &r.y, &block[0], blockSize)
}

// sum is the hash in its own order of bytes.
func (r *gcmRun) sum() (s [blockSize]byte) {
	binary.BigEndian.PutUint64(s[:8], binary.LittleEndian.Uint64(r.y[8:]))
	binary.BigEndian.PutUint64(s[8:], binary.LittleEndian.Uint64(r.y[:8]))
	return s
}

// tag ends a message of n bytes.
func (r *gcmRun) tag(n int) [blockSize]byte {
	r.lengths(r.aadLen, n)
	t := r.sum()
	subtle.XORBytes(t[:], t[:], r.mask[:])
	return t
}

// crypt adds the keystream to src. Only the last call may have a part of a block.
func (r *gcmRun) crypt(dst, src []byte) {
	for len(src) > 0 {
		n := r.next.run(len(src), 32)
		counterMode(r.keys, (*[2]uint64)(&r.next), &dst[0], &src[0], n)
		r.skip(blocksOf(n))
		dst, src = dst[n:], src[n:]
	}
}

// stride is how much sealBlocks does at a time, and how far behind it hashes.
const stride = 512

// seal encrypts src and takes in the ciphertext. Only the last call may have a part
// of a block.
func (r *gcmRun) seal(dst, src []byte) {
	for len(src) > 0 {
		n := r.next.run(len(src), 32)
		hashed := 0
		if n >= 2*stride {
			hashed = n/stride*stride - stride
			r.crypt(dst[:stride], src[:stride])
			sealBlocks(r.keys, r.powers, &r.y, (*[2]uint64)(&r.next), &dst[stride], &src[stride], hashed)
			r.skip(blocksOf(hashed))
			r.crypt(dst[hashed+stride:n], src[hashed+stride:n])
		} else {
			r.crypt(dst[:n], src[:n])
		}
		r.update(dst[hashed:n])
		dst, src = dst[n:], src[n:]
	}
}
