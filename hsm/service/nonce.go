package service

import (
	"crypto/rand"
	"crypto/subtle"
	"math"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// nonces makes the nonces of one message-based encryption (sections 6.13.3 and
// 6.13.5, "On MessageEncrypt"). None comes twice from one of them: how they are
// made is settled by the first that is made, and the number of each is its own.
type nonces struct {
	rule
	how *generator // nil until settled
	// base is as long as a nonce: what the number is added to (CKG_GENERATE: random)
	// or combined with (CKG_GENERATE_COUNTER_XOR: as the caller first gave it).
	base  []byte
	count uint64 // nonces made
	most  uint64 // nonces that can be made
}

// rule is how nonces are to be made: none of it may change from one to the next.
type rule struct {
	generator, fixedBits uint64
	size                 int // bytes
}

// Where chance has a part: the least number of bits that must be left to it, and
// how many nonces there are at most (NIST SP 800-38D, section 8.3).
const (
	minChance   = 32
	maxByChance = 1 << 32
)

// generator is a CKG_ value: how many nonces it can make of so many bits that are
// not fixed, and the next of them, in an out that is zero.
type generator struct {
	chance bool
	most   func(bits uint64) uint64
	next   func(n *nonces, out []byte)
}

// generators are all but CKG_NO_GENERATE. CKG_GENERATE, which is ours to define,
// counts from a random start (SP 800-38D, section 8.2.2: the incrementing function
// applied to a random field). Unlike a counter from zero, it does not repeat what
// another session made; unlike new random numbers, not what this one made.
var generators = map[uint64]*generator{
	ck.CKG_GENERATE: {true, func(bits uint64) uint64 { return min(power(bits), maxByChance) }, func(n *nonces, out []byte) {
		copy(out, n.base)
		add(out, n.count)
	}},
	ck.CKG_GENERATE_COUNTER: {false, power, func(n *nonces, out []byte) {
		add(out, n.count)
	}},
	ck.CKG_GENERATE_COUNTER_XOR: {false, power, func(n *nonces, out []byte) {
		add(out, n.count)
		subtle.XORBytes(out, out, n.base)
	}},
	// So few that two of them are equal with a probability below 2^-32.
	ck.CKG_GENERATE_RANDOM: {true, func(bits uint64) uint64 { return min(power((bits-minChance)/2), maxByChance) }, func(_ *nonces, out []byte) {
		rand.Read(out)
	}},
}

// power is 2^bits, or as much as fits.
func power(bits uint64) uint64 {
	if bits >= 64 {
		return math.MaxUint64
	}
	return 1 << bits
}

// add adds n to the big-endian number b, modulo its length.
func add(b []byte, n uint64) {
	carry := 0
	for i := len(b) - 1; i >= 0; i-- {
		carry += int(b[i]) + int(n&0xff)
		b[i] = byte(carry)
		carry >>= 8
		n >>= 8
	}
}

// next is the nonce of the next message, which nothing changes any more: that of
// the parameter, or one that is made. CKR_MECHANISM_PARAM_INVALID for a generator
// that there is not, for fewer bits than it needs, for another rule than before,
// and when there is no further nonce: the functions have no code of their own for
// that.
func (n *nonces) next(p *ck.MessageParams) ([]byte, error) {
	if p.Generator == ck.CKG_NO_GENERATE {
		return slices.Clone(p.Nonce), nil
	}
	if err := n.settle(p); err != nil {
		return nil, err
	}
	if n.count == n.most {
		return nil, ck.Errorf(ck.CKR_MECHANISM_PARAM_INVALID, "all nonces are used up")
	}
	out := make([]byte, n.size)
	n.how.next(n, out)
	keepFirst(out, p.Nonce, n.fixedBits)
	n.count++
	return out, nil
}

// settle makes p the rule, or compares p with it.
func (n *nonces) settle(p *ck.MessageParams) error {
	r := rule{p.Generator, p.FixedBits, len(p.Nonce)}
	if n.how != nil {
		if n.rule != r {
			return ck.Errorf(ck.CKR_MECHANISM_PARAM_INVALID, "nonces are made in another way than before")
		}
		return nil
	}
	how, all := generators[p.Generator], 8*uint64(len(p.Nonce))
	if how == nil || p.FixedBits > all || how.chance && all-p.FixedBits < minChance {
		return ck.CKR_MECHANISM_PARAM_INVALID
	}
	n.rule, n.how, n.most = r, how, how.most(all-p.FixedBits)
	n.base = slices.Clone(p.Nonce)
	if how.chance {
		rand.Read(n.base)
	}
	return nil
}

// keepFirst makes the first bits of out those of from.
func keepFirst(out, from []byte, bits uint64) {
	whole := copy(out[:bits/8], from)
	if bits%8 != 0 {
		mask := byte(0xff) << (8 - bits%8)
		out[whole] = from[whole]&mask | out[whole]&^mask
	}
}
