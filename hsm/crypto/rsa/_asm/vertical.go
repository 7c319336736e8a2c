package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The kernels of eight lanes: vector i is digit i of eight numbers, so nothing ever
// moves between lanes. They go by columns of the product (product scanning), ten at
// a time: block a of one factor and block b of the other, ten digits each, add to
// the twenty columns from 10(a+b) on, and all pairs of blocks with the same a+b do
// so in the same registers. What then is in the lower ten columns is done with; the
// upper ten are where the next ten columns start. The number of blocks is an
// argument, so that there is one kernel for all lengths.

const (
	tile      = 10        // digits of a block
	tileBytes = 64 * tile // a block in memory
)

// Registers of the kernels of eight lanes.
var (
	columns = zmm[:2*tile]         // the sum
	held    = zmm[2*tile : 3*tile] // a block of one factor
	other   = Z30                  // a digit of the other, or of the quotient
	over    = Z31                  // what goes from a column to the next

	numZ, numX, numY = RDI, RSI, RDX
	numM, numQ       = RCX, R8  // the modulus with what belongs to it, and room for the quotient
	length           = R9       // of a number, in bytes
	column           = R10      // which columns, in bytes
	walkX, walkY     = R11, R12 // along pairs of blocks
	left             = R13      // how far yet, in bytes
	repeat           = RAX      // squarings to do
	upper            = RBX      // room for the upper columns
)

// digitMask is 2^52-1 in memory.
var digitMask Mem

// vertical writes the kernels of eight lanes.
func vertical() {
	digitMask = GLOBL("digitMask", RODATA|NOPTR)
	DATA(0, U64(1<<52-1))
	mul8()
	square8()
	pick8()
}

func mul8() {
	TEXT("mul8", NOSPLIT, "func(z, x, y, m *uint64, digits int)")
	Doc("mul8 is a multiplication in eight lanes: see kernel.mul.")
	Pragma("noescape")
	Load(Param("z"), numZ)
	Load(Param("x"), numX)
	Load(Param("y"), numY)
	loadModulus()
	start()
	Label("column")
	blank(columns)
	pairs("product", 0, numX, numY, 0)
	reduce()
	VZEROUPPER()
	RET()
}

func square8() {
	TEXT("square8", NOSPLIT, "func(z, x, m *uint64, digits, times int)")
	Doc("square8 sets z to x*x/R mod m in eight lanes, then squares it times-1 times.")
	Pragma("noescape")
	Load(Param("z"), numZ)
	Load(Param("x"), numX)
	loadModulus()
	Load(Param("times"), repeat)
	Label("again")
	start()
	Label("column")
	blank(columns)
	squares()
	reduce()
	MOVQ(numZ, numX)
	DECQ(repeat)
	JNZ(LabelRef("again"))
	VZEROUPPER()
	RET()
}

// loadModulus loads the arguments that both kernels have. The room for the quotient
// is behind the modulus, that for the upper columns behind the quotient.
func loadModulus() {
	Load(Param("m"), numM)
	Load(Param("digits"), length)
	SHLQ(Imm(6), length)
	LEAQ(Mem{Base: numM, Index: length, Scale: 1, Disp: 64}, numQ)
	LEAQ(Mem{Base: numQ, Index: length, Scale: 1}, upper)
}

// start is at column 0, with nothing from below.
func start() {
	XORQ(column, column)
	VPXORQ(over, over, over)
	for i := range tile {
		VMOVDQU64(over, at(upper, i))
	}
}

func blank(z []VecPhysical) {
	for _, r := range z {
		VPXORQ(r, r, r)
	}
}

// span finds the pairs of blocks that meet in these columns: it sets walkX to the
// first block of x, least or higher.
func span(least uint32) {
	MOVQ(column, walkX)
	SUBQ(length, walkX)
	ADDQ(U32(tileBytes), walkX)
	MOVQ(U32(least), left)
	CMPQ(walkX, left)
	CMOVQLT(left, walkX)
}

// pairs adds x[a] y[b] for all pairs of blocks, a being least or higher. x begins
// some bytes behind where it points to.
func pairs(name string, least uint32, x, y GPPhysical, behind int32) {
	span(least)
	MOVQ(length, left)
	SUBQ(U32(tileBytes), left)
	CMPQ(column, left)
	CMOVQLT(column, left)
	SUBQ(walkX, left)
	JLT(LabelRef(name + "None"))
	MOVQ(column, walkY)
	SUBQ(walkX, walkY)
	ADDQ(y, walkY)
	ADDQ(x, walkX)
	Label(name)
	for i, h := range held {
		VMOVDQU64(at(walkX, i).Offset(int(behind)), h)
	}
	for i := range tile {
		VMOVDQU64(at(walkY, i), other)
		row(i, 0, other)
	}
	ADDQ(U32(tileBytes), walkX)
	SUBQ(U32(tileBytes), walkY)
	SUBQ(U32(tileBytes), left)
	JGE(LabelRef(name))
	Label(name + "None")
}

// row adds the products of digit i, which is in by, with those held from first on.
func row(i, first int, by VecPhysical) {
	for j := first; j < tile; j++ {
		VPMADD52LUQ(held[j], by, columns[i+j])
	}
	for j := first; j < tile; j++ {
		VPMADD52HUQ(held[j], by, columns[i+j+1])
	}
}

// squares adds x[a] x[b] for all pairs of blocks: those with a < b once, and then
// twice what there is; the digits of a block with itself likewise, and at last the
// squares of digits.
func squares() {
	span(0)
	MOVQ(column, left)
	SUBQ(walkX, left)
	MOVQ(left, walkY)
	SUBQ(walkX, left) // b - a
	ADDQ(numX, walkX)
	ADDQ(numX, walkY)
	Label("product")
	CMPQ(left, Imm(0))
	JLE(LabelRef("productNone"))
	for i, h := range held {
		VMOVDQU64(at(walkX, i), h)
	}
	for i := range tile {
		VMOVDQU64(at(walkY, i), other)
		row(i, 0, other)
	}
	ADDQ(U32(tileBytes), walkX)
	SUBQ(U32(tileBytes), walkY)
	SUBQ(U32(2*tileBytes), left)
	JMP(LabelRef("product"))
	Label("productNone")
	JNE(LabelRef("twice")) // no block meets itself here
	for i, h := range held {
		VMOVDQU64(at(walkX, i), h)
	}
	for i := range tile - 1 {
		row(i, i+1, held[i])
	}
	double()
	for i, h := range held {
		VPMADD52LUQ(h, h, columns[2*i])
		VPMADD52HUQ(h, h, columns[2*i+1])
	}
	JMP(LabelRef("once"))
	Label("twice")
	double()
	Label("once")
}

func double() {
	for _, c := range columns {
		VPADDQ(c, c, c)
	}
}

// reduce ends the work on these columns: it adds what came from below and the
// products of the quotient digits that are known with the modulus. Below R it finds
// ten more digits of the quotient, so that the columns vanish; from there on they
// are digits of the result. Then it goes on to the next columns.
func reduce() {
	for i := range tile {
		VPADDQ(at(upper, i), columns[i], columns[i])
	}
	pairs("quotient", tileBytes, numM, numQ, 64)
	CMPQ(column, length)
	JGE(LabelRef("result"))
	quotient()
	JMP(LabelRef("next"))
	Label("result")
	result()
	Label("next")
	for i := range tile {
		VMOVDQU64(columns[tile+i], at(upper, i))
	}
	ADDQ(U32(tileBytes), column)
	LEAQ(Mem{Base: length, Index: length, Scale: 1}, left)
	CMPQ(column, left)
	JLT(LabelRef("column"))
}

// quotient finds ten digits of the quotient, each such that a column becomes a
// multiple of 2^52, and adds them times the first block of the modulus. What a
// column then carries into the next is known before the digit is: see digit.
func quotient() {
	for i, h := range held {
		VMOVDQU64(at(numM, 1+i), h)
	}
	for i := range tile {
		VPXORQ(other, other, other)
		VPMADD52LUQ(at(numM, 0), columns[i], other)
		VPADDQ_BCST(digitMask, columns[i], over)
		VPSRLQ(Imm(52), over, over)
		VPMADD52HUQ(held[0], other, over)
		VPMADD52LUQ(held[1], other, columns[i+1])
		VPADDQ(over, columns[i+1], columns[i+1])
		VMOVDQU64(other, Mem{Base: numQ, Index: column, Scale: 1, Disp: 64 * i})
		for j := 2; j < tile; j++ {
			VPMADD52LUQ(held[j], other, columns[i+j])
		}
		for j := 1; j < tile; j++ {
			VPMADD52HUQ(held[j], other, columns[i+j+1])
		}
	}
}

// result stores ten digits of the result.
func result() {
	MOVQ(column, walkX)
	SUBQ(length, walkX)
	ADDQ(numZ, walkX)
	for i := range tile {
		VPSRLQ(Imm(52), columns[i], over)
		VPANDQ_BCST(digitMask, columns[i], columns[i])
		VPADDQ(over, columns[i+1], columns[i+1])
		VMOVDQU64(columns[i], at(walkX, i))
	}
}

// pick8 writes the choice from a table for eight lanes, ten digits at a time. It
// loads all of the table, whatever it is to choose.
func pick8() {
	TEXT("pick8lanes", NOSPLIT, "func(z, table *uint64, index *[8]uint64, digits, entries int)")
	Doc("pick8lanes is the choice from a table in eight lanes: see kernel.pick.")
	Pragma("noescape")
	Load(Param("z"), numZ)
	Load(Param("table"), numX)
	Load(Param("index"), RDX)
	Load(Param("digits"), length)
	Load(Param("entries"), RBX)
	SHLQ(Imm(6), length)
	wanted, entry, one := Z28, Z29, Z30
	sum, loaded := zmm[:tile], zmm[tile:2*tile]
	VMOVDQU64(Mem{Base: RDX}, wanted)
	MOVQ(U32(1), RAX)
	VPBROADCASTQ(RAX, one)
	MOVQ(length, column)
	Label("block")
	VPXORQ(entry, entry, entry)
	blank(sum)
	MOVQ(numX, walkX)
	MOVQ(RBX, RCX)
	Label("entry")
	VPCMPEQQ(wanted, entry, K1)
	for i, s := range sum {
		VMOVDQU64(at(walkX, i), loaded[i])
		VMOVDQA64(loaded[i], K1, s)
	}
	VPADDQ(one, entry, entry)
	ADDQ(length, walkX)
	DECQ(RCX)
	JNZ(LabelRef("entry"))
	for i, s := range sum {
		VMOVDQU64(s, at(numZ, i))
	}
	ADDQ(U32(tileBytes), numZ)
	ADDQ(U32(tileBytes), numX)
	SUBQ(U32(tileBytes), column)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}
