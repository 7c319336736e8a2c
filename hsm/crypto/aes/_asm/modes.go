package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// width is how many registers of blocks are worked on side by side: enough to hide
// the latency of a round.
const width = 8

func blocks(name string, round, last roundOp) {
	TEXT(name, NOSPLIT, "func(keys *[61]uint32, dst, src *byte, n int)")
	Doc(name + " does each of n/16 blocks for itself. n is a multiple of 16.")
	Pragma("noescape")
	keys, s := loadSchedule().inRegisters(), loadSpan(true)
	s.loops(width, func(width int, load, store func(int, Register)) {
		data := registers(width)
		for i, z := range data {
			load(i, z)
		}
		keys.cipher(fmt.Sprint("by", width), round, last, data)
		for i, z := range data {
			store(i, z)
		}
	})
}

func decryptCBC() {
	TEXT("decryptCBC", NOSPLIT, "func(keys *[61]uint32, iv *[16]byte, dst, src *byte, n int)")
	Doc("decryptCBC decrypts n/16 blocks, of which iv is the one before. n is a multiple of 16.")
	Pragma("noescape")
	keys, s := loadSchedule().inRegisters(), loadSpan(true)
	before := ZMM() // its last lane is the ciphertext before
	VBROADCASTI32X4(Mem{Base: Load(Param("iv"), GP64())}, before)
	const inRegisters = 4 // beside the keys there is room for data and ciphertext
	s.loops(inRegisters, func(width int, load, store func(int, Register)) {
		data, chain := registers(width), registers(width)
		for i := range data {
			load(i, data[i])
			VALIGNQ(U8(6), before, data[i], chain[i])
			VMOVDQA64(data[i], before)
		}
		keys.cipher(fmt.Sprint("by", width), VAESDEC, VAESDECLAST, data)
		for i, z := range data {
			VPXORQ(chain[i], z, z)
			store(i, z)
		}
	})
}

// counters is the counter in four lanes, the number of each with its least
// significant byte first.
type counters struct {
	next, four, swap VecVirtual
}

func loadCounters() counters {
	c := counters{next: ZMM(), swap: swapMask()}
	VBROADCASTI32X4(Mem{Base: Load(Param("counter"), GP64())}, c.next)
	VPADDQ(words("lanes", 0, 0, 1, 0, 2, 0, 3, 0), c.next, c.next)
	c.four = constant("four", 4, 0)
	return c
}

// swapMask turns around the bytes of every lane.
func swapMask() VecVirtual { return constant("swap", 0x08090a0b0c0d0e0f, 0x0001020304050607) }

// blocks puts the next four counter blocks into z.
func (c counters) blocks(z Register) {
	VPSHUFB(c.swap, c.next, z)
	VPADDQ(c.four, c.next, c.next)
}

func counterMode() {
	TEXT("counterMode", NOSPLIT, "func(keys *[61]uint32, counter *[2]uint64, dst, src *byte, n int)")
	Doc("counterMode adds the keystream from the counter, low word first, to n bytes.",
		"The low word must not overflow on the way; counter is not moved on.")
	Pragma("noescape")
	keys, s, c := loadSchedule().inRegisters(), loadSpan(true), loadCounters()
	s.loops(width, func(width int, load, store func(int, Register)) {
		data := registers(width)
		for _, z := range data {
			c.blocks(z)
		}
		keys.cipher(fmt.Sprint("by", width), VAESENC, VAESENCLAST, data)
		text := ZMM()
		for i, z := range data {
			load(i, text)
			VPXORQ(text, z, z)
			store(i, z)
		}
	})
}
