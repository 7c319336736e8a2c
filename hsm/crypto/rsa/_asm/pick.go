package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// pick writes the choice from a table of numbers of so many vectors. It loads
// all of the table, whatever it is to choose.
func pick(vectors int) {
	TEXT(fmt.Sprintf("pick%d", vectors), NOSPLIT, "func(z, table *uint64, index *[8]uint64)")
	Doc(fmt.Sprintf("pick%d is the choice from a table of numbers of %d vectors: see kernel.pick.", vectors, vectors))
	Pragma("noescape")
	Load(Param("z"), RDI)
	Load(Param("table"), RSI)
	Load(Param("index"), RDX)
	wanted, entry, one, loaded := Z28, Z29, Z30, zmm[16:28]
	sum := zmm[:vectors]
	VMOVDQU64(Mem{Base: RDX}, wanted)
	VPXORQ(entry, entry, entry)
	MOVQ(U32(1), RAX)
	VPBROADCASTQ(RAX, one)
	for _, s := range sum {
		VPXORQ(s, s, s)
	}
	MOVQ(U32(32), RCX)
	Label("entry")
	VPCMPEQQ(wanted, entry, K1)
	for i, s := range sum {
		VMOVDQU64(at(RSI, i), loaded[i])
		VMOVDQA64(loaded[i], K1, s)
	}
	VPADDQ(one, entry, entry)
	ADDQ(U32(uint32(64*vectors)), RSI)
	DECQ(RCX)
	JNZ(LabelRef("entry"))
	for i, s := range sum {
		VMOVDQU64(s, at(RDI, i))
	}
	VZEROUPPER()
	RET()
}
