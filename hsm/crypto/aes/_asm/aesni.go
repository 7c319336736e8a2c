package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// AES-NI, for processors without VAES: a block in a register, and several of them side
// by side to hide the latency of a round. Lengths are whole blocks.

// How many blocks are side by side. XTS needs the registers for its tweaks too.
const (
	wideNI = 8
	xtsNI  = 6
)

// blockAt is where the i-th block of src or dst is.
func blockAt(base Register, i int) Mem { return Mem{Base: base, Disp: i * blockSize} }

// blockLoops runs body on width blocks at a time, and then on single ones.
func (s span) blockLoops(width int, body func(width int)) {
	CMPQ(s.n, U32(uint32(width*blockSize)))
	JB(LabelRef("narrow"))
	Label("wide")
	body(width)
	s.advance(width * blockSize)
	CMPQ(s.n, U32(uint32(width*blockSize)))
	JAE(LabelRef("wide"))
	Label("narrow")
	TESTQ(s.n, s.n)
	JZ(LabelRef("done"))
	body(1)
	s.advance(blockSize)
	JMP(LabelRef("narrow"))
	Label("done")
}

func loadBlock(m Mem) VecVirtual {
	x := XMM()
	VMOVDQU(m, x)
	return x
}

func (s schedule) blockKey(i int) VecVirtual {
	return loadBlock(Mem{Base: s.base, Disp: i * blockSize})
}

func blockRegisters(n int) []VecVirtual {
	list := make([]VecVirtual, n)
	for i := range list {
		list[i] = XMM()
	}
	return list
}

// cipherNI is all of the cipher on blocks from memory but the last round.
func (s schedule) cipherNI(src Register, round roundOp, data []VecVirtual) {
	white := loadBlock(Mem{Base: s.whitening})
	for i, x := range data {
		VPXOR(blockAt(src, i), white, x)
	}
	s.roundsNI(round, data)
}

func (s schedule) roundsNI(round roundOp, data []VecVirtual) {
	s.middle(fmt.Sprint("by", len(data)), round, data, s.blockKey, func(int) {})
}

func blocksNI(name string, round, last roundOp) {
	TEXT(name, NOSPLIT, "func(keys *[61]uint32, dst, src *byte, n int)")
	Doc(name + " does each of n/16 blocks for itself. n is a multiple of 16.")
	Pragma("noescape")
	keys, s := loadSchedule(), loadSpan(true)
	s.blockLoops(wideNI, func(width int) {
		data := blockRegisters(width)
		keys.cipherNI(s.src, round, data)
		key := keys.blockKey(lastRound)
		for i, x := range data {
			last(key, x, x)
			VMOVDQU(x, blockAt(s.dst, i))
		}
	})
	RET()
}

// decryptCBCNI takes the ciphertext of the block before from memory once more, and so
// writes from the last block on: dst may be src.
func decryptCBCNI() {
	TEXT("decryptCBCNI", NOSPLIT, "func(keys *[61]uint32, iv *[16]byte, dst, src *byte, n int)")
	Doc("decryptCBCNI decrypts n/16 blocks, of which iv is the one before. n is a multiple of 16.")
	Pragma("noescape")
	keys, s := loadSchedule(), loadSpan(true)
	before := loadBlock(Mem{Base: Load(Param("iv"), GP64())})
	s.blockLoops(wideNI, func(width int) {
		data := blockRegisters(width)
		keys.cipherNI(s.src, VAESDEC, data)
		next, key := loadBlock(blockAt(s.src, width-1)), keys.blockKey(lastRound)
		for i := width - 1; i >= 0; i-- {
			x := data[i]
			VAESDECLAST(key, x, x)
			if i > 0 {
				VPXOR(blockAt(s.src, i-1), x, x)
			} else {
				VPXOR(before, x, x)
			}
			VMOVDQU(x, blockAt(s.dst, i))
		}
		VMOVDQA(next, before)
	})
	RET()
}

// encryptCBC is for processors with VAES too: each block has to wait for the one before.
func encryptCBC() {
	TEXT("encryptCBC", NOSPLIT, "func(keys *[61]uint32, iv *[16]byte, dst, src *byte, n int)")
	Doc("encryptCBC encrypts n/16 blocks, of which iv is the one before. n is a multiple of 16", "and not 0.")
	Pragma("noescape")
	keys, s := loadSchedule(), loadSpan(true)
	data, white := loadBlock(Mem{Base: Load(Param("iv"), GP64())}), loadBlock(Mem{Base: keys.whitening})
	Label("next")
	plain := XMM() // with the key, so that a block waits for one addition only
	VPXOR(blockAt(s.src, 0), white, plain)
	VPXOR(plain, data, data)
	keys.roundsNI(VAESENC, []VecVirtual{data})
	VAESENCLAST(keys.blockKey(lastRound), data, data)
	VMOVDQU(data, blockAt(s.dst, 0))
	s.advance(blockSize)
	JNZ(LabelRef("next"))
	RET()
}

// double multiplies a tweak by x: see xts.go.
func double(tweak VecVirtual) {
	carry := XMM()
	VPSHUFD(U8(0x13), tweak, carry) // the highest words of the upper and the lower half
	VPSRAD(U8(31), carry, carry)
	VPAND(words("carries", 0x87, 1), carry, carry)
	VPADDQ(tweak, tweak, tweak)
	VPXOR(carry, tweak, tweak)
}

func xtsOfNI(name string, round, last roundOp) {
	TEXT(name, NOSPLIT, "func(keys *[61]uint32, tweak *[16]byte, dst, src *byte, n int)")
	Doc(name + " does n/16 blocks in XTS, and moves the tweak on. n is a multiple of 16.")
	Pragma("noescape")
	keys, s, memory := loadSchedule(), loadSpan(true), Load(Param("tweak"), GP64())
	next := loadBlock(Mem{Base: memory})
	s.blockLoops(xtsNI, func(width int) {
		data, tweak := blockRegisters(width), blockRegisters(width)
		white := loadBlock(Mem{Base: keys.whitening})
		for i, x := range data {
			VMOVDQA(next, tweak[i])
			double(next)
			VPXOR(blockAt(s.src, i), white, x)
			VPXOR(tweak[i], x, x)
		}
		keys.roundsNI(round, data)
		key := keys.blockKey(lastRound)
		for i, x := range data {
			last(key, x, x)
			VPXOR(tweak[i], x, x)
			VMOVDQU(x, blockAt(s.dst, i))
		}
	})
	VMOVDQU(next, Mem{Base: memory})
	RET()
}
