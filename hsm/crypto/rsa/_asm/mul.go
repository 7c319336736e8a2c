package main

import (
	"fmt"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// shape is lanes numbers of so many digits of 52 bits: digit i of number l is
// the word i*lanes+l. lanes is 1 or 2, so that a digit step is a rotation by
// lanes words, and one instruction spreads the digits of a step over a vector.
type shape struct{ lanes, digits int }

func (s shape) vectors() int { return (s.lanes*s.digits + 7) / 8 }

// step is the distance between two digits of a number in bytes.
func (s shape) step() int { return 8 * s.lanes }

var zmm = []VecPhysical{
	Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15,
	Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31,
}

// Registers with one purpose throughout.
var (
	digitB, nextB = Z25, Z26 // digits i and i+1 of y, in all places
	q             = Z27      // the quotient digit, in all places
	k0            = Z28      // -1/m mod 2^52
	mask          = Z29      // 2^52-1
	nextQ         = Z30      // that of the next step
	spare         = Z31      // digit 0 of the sum, in all places
	lowLanes      = K1       // digit 0
	allButLow     = K2       // all digits but 0
	allButTop     = K3       // all digits of the last vector but its last

	pZ, pX, pY, pM = RDI, RSI, RDX, RCX
	times, digit   = R8, R9
	walk           = R10 // along y
)

// apart is how many vectors of the sum have what a step adds to them summed up
// apart. That costs an addition each, and makes the chain of operations that wait
// for each other shorter. Five was the fastest for all shapes.
const apart = 5

// multiplier is one kernel being written.
type multiplier struct {
	shape
	t, s []VecPhysical // the sum, and what is added to it at the end of a step; the same past apart
	a    []VecPhysical // x, if it fits in registers, or a few registers to pass it through
	held bool          // x fits
}

func (s shape) mul() {
	v := s.vectors()
	k := &multiplier{shape: s, t: zmm[:v], s: slices.Clone(zmm[v : 2*v]), held: v == 5}
	if k.a = zmm[2*v : 25]; k.held {
		k.a = zmm[2*v : 3*v]
	}
	copy(k.s[min(apart, v):], k.t[min(apart, v):])
	TEXT(fmt.Sprintf("mul%dx%d", s.lanes, s.digits), NOSPLIT, "func(z, x, y, m *uint64, times int)")
	Doc(fmt.Sprintf("mul%dx%d is the kernel of %d numbers of %d digits: see kernel.mul.", s.lanes, s.digits, s.lanes, s.digits))
	Pragma("noescape")
	k.load()
	Label("again")
	k.first()
	Label("digit")
	k.digit(true)
	ADDQ(Imm(uint64(s.step())), walk)
	DECQ(digit)
	JNZ(LabelRef("digit"))
	k.digit(false)
	k.normalize()
	for i, t := range k.t {
		VMOVDQU64(t, at(pZ, i))
		if k.held {
			VMOVDQA64(t, k.a[i])
		}
	}
	MOVQ(pZ, pX)
	MOVQ(pZ, pY)
	DECQ(times)
	JNZ(LabelRef("again"))
	VZEROUPPER()
	RET()
}

// at is vector i of a number.
func at(base Register, i int) Mem { return Mem{Base: base, Disp: 64 * i} }

// m and mShifted are the places of the modulus, and of the modulus divided by
// 2^52, behind k0: see modulus.block.
func (k *multiplier) m(i int) Mem        { return at(pM, 1+i) }
func (k *multiplier) mShifted(i int) Mem { return at(pM, 1+k.vectors()+i) }

// load loads the arguments and the constants.
func (k *multiplier) load() {
	Load(Param("z"), pZ)
	Load(Param("x"), pX)
	Load(Param("y"), pY)
	Load(Param("m"), pM)
	Load(Param("times"), times)
	MOVQ(U64(1<<52-1), RAX)
	VPBROADCASTQ(RAX, mask)
	MOVL(U32(1<<k.lanes-1), EAX)
	KMOVB(EAX, lowLanes)
	KNOTB(lowLanes, allButLow)
	MOVL(U32(1<<(8-k.lanes)-1), EAX)
	KMOVB(EAX, allButTop)
	VMOVDQU64(at(pM, 0), k0)
	if k.held {
		for i, a := range k.a {
			VMOVDQU64(at(pX, i), a)
		}
	}
}

// spread loads the digits of a step into all places.
func (k *multiplier) spread(m Mem, z VecPhysical) {
	if k.lanes == 1 {
		VPBROADCASTQ(m, z)
	} else {
		VBROADCASTI64X2(m, z)
	}
}

// first starts the sum with the low halves of x times digit 0 of y.
func (k *multiplier) first() {
	MOVQ(pY, walk)
	MOVQ(U32(uint32(k.digits-1)), digit)
	k.spread(Mem{Base: walk}, nextB)
	for i, t := range k.t {
		VPXORQ(t, t, t)
		if k.held {
			VPMADD52LUQ(nextB, k.a[i], t)
		} else {
			VPMADD52LUQ(at(pX, i), nextB, t)
		}
	}
	k.quotient(q)
}

// quotient sets to to t[0]*k0 mod 2^52, in all places.
func (k *multiplier) quotient(to VecPhysical) {
	if k.lanes == 1 {
		VPBROADCASTQ(k.t[0].AsX(), spare)
	} else {
		VSHUFI64X2(Imm(0), k.t[0], k.t[0], spare)
	}
	VPXORQ(to, to, to)
	VPMADD52LUQ(k0, spare, to)
}

// digit is one step of the multiplication: it makes digit 0 of the sum vanish by
// adding q times the modulus, and moves the sum down by a digit. The sum has the
// low halves of x*y[i] already and gets those of x*y[i+1], if there is one. The
// quotient of the next step is what everything waits for, so it comes as early
// as it can.
func (k *multiplier) digit(more bool) {
	k.spread(Mem{Base: walk}, digitB)
	if more {
		k.spread(Mem{Base: walk, Disp: k.step()}, nextB)
	}
	// t[0] + lo(q*m[0]) is the next multiple of 2^52: what it carries into digit 1
	// does not depend on q.
	VPADDQ(mask, k.t[0], spare)
	VPSRLQ_Z(Imm(52), spare, lowLanes, spare)
	for i := range k.t {
		k.addX(i, more)
	}
	VPADDQ(spare, k.t[0], k.t[0])
	for i := range k.t {
		VPMADD52LUQ(k.mShifted(i), q, k.t[i])
		VPMADD52HUQ(k.m(i), q, k.s[i])
		if k.s[i] != k.t[i] {
			VPADDQ(k.s[i], k.t[i], k.t[i])
		}
		if i == 0 && more {
			k.quotient(nextQ)
		}
	}
	if more {
		VMOVDQA64(nextQ, q)
	}
}

// addX moves vector i of the sum down by a digit and adds the high halves of
// x*y[i] and the low halves of x*y[i+1] to it or to s: the first belong one digit
// higher, where the second are.
func (k *multiplier) addX(i int, more bool) {
	a := k.a[i%len(k.a)]
	if !k.held {
		VMOVDQU64(at(pX, i), a)
	}
	if i < len(k.t)-1 {
		VALIGNQ(Imm(uint64(k.lanes)), k.t[i], k.t[i+1], k.t[i])
	} else {
		VALIGNQ_Z(Imm(uint64(k.lanes)), k.t[i], k.t[i], allButTop, k.t[i])
	}
	if k.s[i] != k.t[i] {
		VPXORQ(k.s[i], k.s[i], k.s[i])
	}
	VPMADD52HUQ(digitB, a, k.s[i])
	if more {
		VPMADD52LUQ(nextB, a, k.s[i])
	}
}
