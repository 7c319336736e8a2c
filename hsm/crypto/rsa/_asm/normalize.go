package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// bits is a row of bits, one for each digit of both numbers: vectors 0 to 7 in
// the first word, the others in the second.
type bits [2]GPPhysical

// normalize makes all digits of the sum less than 2^52. Each first gives its high
// bits to the next one; after that a carry is 1, arises in a digit above 2^52-1
// and runs through digits of 2^52-1. Where carries arrive comes from one addition
// of integers that have a bit for each digit.
func (k *multiplier) normalize() {
	last := len(k.t) - 1
	carry := zmm[len(k.t) : 2*len(k.t)]
	for i, t := range k.t {
		VPSRLQ(Imm(52), t, carry[i])
		VPANDQ(mask, t, t)
	}
	up := Imm(uint64(8 - k.lanes))
	for i := last; i > 0; i-- {
		VALIGNQ(up, carry[i-1], carry[i], carry[i])
	}
	VALIGNQ_Z(up, carry[0], carry[0], allButLow, carry[0])
	for i, t := range k.t {
		VPADDQ(carry[i], t, t)
	}
	arise, run := bits{RAX, RBX}, bits{RSI, RDX}
	k.compare(6, arise) // not less or equal
	k.compare(0, run)   // equal
	if k.lanes == 1 {
		k.arrive(arise, run)
	} else {
		k.arriveTwo(arise, run)
	}
	masks := []OpmaskPhysical{K4, K5, K6, K7}
	for i, t := range k.t {
		here := masks[i%len(masks)]
		MOVQ(arise[i/8], R9)
		SHRQ(Imm(uint64(8*(i%8))), R9)
		KMOVB(R9.As32(), here)
		VPSUBQ(mask, t, here, t) // one more, and less 2^52, which the next line hides
	}
	for _, t := range k.t {
		VPANDQ(mask, t, t)
	}
}

// compare sets the bits of the digits that compare so with 2^52-1.
func (k *multiplier) compare(predicate uint8, b bits) {
	for i, t := range k.t {
		VPCMPUQ(Imm(uint64(predicate)), mask, t, K4)
		if i%8 == 0 {
			KMOVB(K4, b[i/8].As32())
			continue
		}
		KMOVB(K4, R9.As32())
		SHLQ(Imm(uint64(8*(i%8))), R9)
		ORQ(R9, b[i/8])
	}
}

// arrive replaces arise by the digits that a carry arrives at, for one number:
// (run + 2*arise) xor run.
func (k *multiplier) arrive(arise, run bits) {
	if len(k.t) <= 8 {
		ADDQ(arise[0], arise[0])
		ADDQ(run[0], arise[0])
		XORQ(run[0], arise[0])
		return
	}
	ADDQ(arise[0], arise[0])
	ADCQ(arise[1], arise[1])
	ADDQ(run[0], arise[0])
	ADCQ(run[1], arise[1])
	XORQ(run[0], arise[0])
	XORQ(run[1], arise[1])
}

// arriveTwo does so for two numbers whose bits alternate.
func (k *multiplier) arriveTwo(arise, run bits) {
	places := [2]GPPhysical{R10, R11}
	MOVQ(U64(0x5555555555555555), places[0])
	MOVQ(U64(0xaaaaaaaaaaaaaaaa), places[1])
	result := [2]GPPhysical{R12, R13}
	for n, p := range places {
		k.gather(p, arise, result[n])
		k.gather(p, run, R14)
		ADDQ(result[n], result[n])
		ADDQ(R14, result[n])
		XORQ(R14, result[n])
	}
	for w := range (len(k.t) + 7) / 8 {
		if w > 0 {
			SHRQ(Imm(32), result[0])
			SHRQ(Imm(32), result[1])
		}
		PDEPQ(places[0], result[0], arise[w])
		PDEPQ(places[1], result[1], R9)
		ORQ(R9, arise[w])
	}
}

// gather moves the bits of b at these places together.
func (k *multiplier) gather(places GPPhysical, b bits, to GPPhysical) {
	PEXTQ(places, b[0], to)
	if len(k.t) > 8 {
		PEXTQ(places, b[1], R9)
		SHLQ(Imm(32), R9)
		ORQ(R9, to)
	}
}
