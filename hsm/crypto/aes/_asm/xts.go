package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// XTS (IEEE 1619). The tweak of a block is that of the block before it times x, modulo
// x^128 + x^7 + x^2 + x + 1; the coefficients are the bits of a lane, the lowest first.

// tweaks are those of the next four blocks.
type tweaks struct {
	memory     Register
	next, poly VecVirtual
}

// loadTweaks makes four of the one in memory: times 1, x, x^2, x^3.
func loadTweaks() tweaks {
	t := tweaks{memory: Load(Param("tweaks"), GP64()), next: ZMM(), poly: constant("tweakPoly", 0x87, 0)}
	up, over := ZMM(), ZMM()
	VMOVDQU64(words("tweakUp", 0, 0, 1, 1, 2, 2, 3, 3), up)
	VMOVDQU64(words("tweakOver", 64, 64, 63, 63, 62, 62, 61, 61), over)
	VBROADCASTI32X4(Mem{Base: t.memory}, t.next)
	carry := ZMM()
	VPSRLVQ(over, t.next, carry)
	VPSLLVQ(up, t.next, t.next)
	t.add(carry)
	return t
}

// add puts the bits that were shifted out of the two words of a lane where they belong.
func (t tweaks) add(carry VecVirtual) {
	low := ZMM()
	VPCLMULQDQ(U8(0x10), carry, t.poly, low)
	VPSLLDQ(U8(8), carry, carry)
	VPTERNLOGQ(U8(xor3), low, carry, t.next)
}

// take puts the next four into z.
func (t tweaks) take(z Register) {
	VMOVDQA64(t.next, z)
	carry := ZMM()
	VPSRLQ(U8(60), t.next, carry)
	VPSLLQ(U8(4), t.next, t.next)
	t.add(carry)
}

func xts(name string, round, last roundOp) {
	TEXT(name, NOSPLIT, "func(keys *[61]uint32, tweaks *[4][16]byte, dst, src *byte, n int)")
	Doc(name+" does n/16 blocks in XTS, from the first of the tweaks on. It leaves there those of",
		"the last four blocks or fewer. n is a multiple of 16.")
	Pragma("noescape")
	keys, s, t := loadSchedule(), loadSpan(true), loadTweaks()
	s.loops(width, func(width int, load, store func(int, Register)) {
		data, tweak := registers(width), registers(width)
		white, text := ZMM(), ZMM()
		VBROADCASTI32X4(Mem{Base: keys.whitening}, white)
		for i, z := range data {
			t.take(tweak[i])
			load(i, text)
			VPXORQ(tweak[i], white, z)
			VPXORQ(text, z, z)
		}
		keys.middle(fmt.Sprint("by", width), round, data, keys.key, func(int) {})
		key := keys.key(lastRound)
		for i, z := range data {
			final := ZMM()
			VPXORQ(tweak[i], key, final)
			last(final, z, z)
			store(i, z)
		}
		VMOVDQU64(tweak[width-1], Mem{Base: t.memory})
	})
}
