package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// GHASH (SP 800-38D section 6.4) on blocks with their bytes turned around, so that
// the coefficients of a polynomial are the bits of a lane in reverse. The product
// of two such lanes is one place too low, which is a factor x too many; so what
// the table has of H and its powers is divided by x.

const powers = 32 // of H in the table, the highest first

// product adds up products before they are reduced: lo + mid 2^64 + hi 2^128.
type product struct {
	lo, mid, hi VecVirtual
	poly        VecVirtual
}

func newProduct() *product {
	// x^128 + x^7 + x^2 + x + 1 in reverse, without its first term.
	return &product{lo: ZMM(), mid: ZMM(), hi: ZMM(), poly: constant("poly", 1, 0xc2<<56)}
}

// add adds a*b, in each lane for itself.
func (p *product) add(a, b VecVirtual) {
	t := registers(4)
	for i, words := range []uint8{0x00, 0x01, 0x10, 0x11} {
		VPCLMULQDQ(U8(words), a, b, t[i])
	}
	VPXORQ(t[0], p.lo, p.lo)
	VPTERNLOGQ(U8(xor3), t[1], t[2], p.mid)
	VPXORQ(t[3], p.hi, p.hi)
}

// absorb adds the product of four blocks, to the first of which goes sum, and of
// their powers.
func (p *product) absorb(blocks, power Mem, swap, sum VecVirtual, first bool) {
	x, h := ZMM(), ZMM()
	VMOVDQU64(blocks, x)
	VMOVDQU64(power, h)
	VPSHUFB(swap, x, x)
	if first {
		VPXORQ(sum, x, x)
	}
	p.add(x, h)
}

const xor3 = 0x96 // VPTERNLOGQ: the sum of all three

func (p *product) clear() {
	for _, z := range []VecVirtual{p.lo, p.mid, p.hi} {
		VPXORQ(z, z, z)
	}
}

// reduced is the remainder, in each lane for itself.
func (p *product) reduced() VecVirtual {
	p.fold(p.lo, p.mid)
	p.fold(p.mid, p.hi)
	return p.hi
}

// fold cancels the low word of a polynomial by a multiple of poly, and adds what
// there is above it to the next one.
func (p *product) fold(low, next VecVirtual) {
	t, swapped := ZMM(), ZMM()
	VPCLMULQDQ(U8(0x01), low, p.poly, t)
	VPSHUFD(U8(0x4e), low, swapped)
	VPTERNLOGQ(U8(xor3), t, swapped, next)
}

// addLanes puts the sum of the four lanes of z into sum, and 0 into its others.
func addLanes(z, sum VecVirtual) {
	half, quarter := YMM(), XMM()
	VEXTRACTI64X4(U8(1), z, half)
	VPXORQ(z.AsY(), half, half)
	VEXTRACTI64X2(U8(1), half, quarter)
	VPXORQ(quarter, half.AsX(), sum.AsX())
}

// hashTable does the powers one by one up to the fourth, then four at a time.
func hashTable() {
	TEXT("hashTable", NOSPLIT, "func(table *[35][16]byte)")
	Doc("hashTable makes the powers of the last element of table but the padding.")
	Pragma("noescape")
	table := Load(Param("table"), GP64())
	power := func(i int) Mem { return Mem{Base: table, Disp: (powers - i) * blockSize} }
	p, first, current := newProduct(), ZMM(), ZMM()
	times := func(z VecVirtual) {
		p.clear()
		p.add(current, z)
		VMOVDQA64(p.reduced(), current)
	}
	VBROADCASTI32X4(power(1), first)
	VMOVDQA64(first, current)
	for i := 2; i <= 4; i++ {
		times(first)
		VMOVDQU64(current.AsX(), power(i))
	}
	fourth := ZMM()
	VMOVDQA64(current, fourth)
	VMOVDQU64(power(4), current)
	for i := 8; i <= powers; i += 4 {
		times(fourth)
		VMOVDQU64(current, power(i))
	}
	VZEROUPPER()
	RET()
}

// hashBlocks takes in up to 32 blocks between two reductions: the first of them
// goes with the power of H that is their number.
func hashBlocks() {
	TEXT("hashBlocks", NOSPLIT, "func(table *[35][16]byte, y *[16]byte, src *byte, n int)")
	Doc("hashBlocks moves the hash y, its bytes turned around, on by n bytes, the last block",
		"filled up with zeros.")
	Pragma("noescape")
	table, y := Load(Param("table"), GP64()), Load(Param("y"), GP64())
	s, p, swap, sum := loadSpan(false), newProduct(), swapMask(), ZMM()
	VMOVDQU64(Mem{Base: y}, sum.AsX())
	CMPQ(s.n, U32(powers*blockSize))
	JB(LabelRef("many"))
	Label("wide")
	p.clear()
	for i := range width {
		p.absorb(at(s.src, i), at(table, i), swap, sum, i == 0)
	}
	addLanes(p.reduced(), sum)
	s.advance(width * vector)
	CMPQ(s.n, U32(powers*blockSize))
	JAE(LabelRef("wide"))
	Label("many")
	TESTQ(s.n, s.n)
	JLE(LabelRef("done"))
	power := powersFor(table, s.n)
	p.clear()
	Label("vector")
	x, h := ZMM(), ZMM()
	VMOVDQU8_Z(at(s.src, 0), firstBytes(s.n), x)
	VMOVDQU64(Mem{Base: power}, h)
	VPSHUFB(swap, x, x)
	VPXORQ(sum, x, x)
	VPXORQ(sum, sum, sum)
	p.add(x, h)
	s.advance(vector)
	ADDQ(U8(vector), power)
	end := GP64()
	LEAQ(Mem{Base: table, Disp: powers * blockSize}, end)
	CMPQ(power, end)
	JB(LabelRef("vector"))
	addLanes(p.reduced(), sum)
	JMP(LabelRef("many"))
	Label("done")
	VMOVDQU64(sum.AsX(), Mem{Base: y})
	VZEROUPPER()
	RET()
}

// powersFor is where the powers begin for the blocks of n bytes, 32 at most.
func powersFor(table, n Register) Register {
	size, most, p := GP64(), GP64(), GP64()
	MOVQ(n, size)
	ADDQ(U8(blockSize-1), size)
	ANDQ(I8(-blockSize), size)
	MOVQ(U32(powers*blockSize), most)
	CMPQ(size, most)
	CMOVQGT(most, size)
	LEAQ(Mem{Base: table, Disp: powers * blockSize}, p)
	SUBQ(size, p)
	return p
}

// sealBlocks encrypts 32 blocks while it hashes the 32 before, one register of
// them in a round: the two keep different parts of the processor busy.
func sealBlocks() {
	TEXT("sealBlocks", NOSPLIT, "func(keys *[61]uint32, table *[35][16]byte, y *[16]byte, counter *[2]uint64, dst, src *byte, n int)")
	Doc("sealBlocks is counterMode, and hashes from the 512 bytes before dst on, so that the",
		"last 512 bytes of dst are left over. n is a multiple of 512 and not 0.")
	Pragma("noescape")
	keys, s, c := loadSchedule(), loadSpan(true), loadCounters()
	table, y := Load(Param("table"), GP64()), Load(Param("y"), GP64())
	p, sum := newProduct(), ZMM()
	VMOVDQU64(Mem{Base: y}, sum.AsX())
	Label("many")
	data, white := registers(width), ZMM()
	VBROADCASTI32X4(Mem{Base: keys.whitening}, white)
	for _, z := range data {
		c.blocks(z)
		VPXORQ(white, z, z)
	}
	p.clear()
	keys.middle("", VAESENC, data, keys.key, func(round int) {
		i := round - firstCommon
		if i == width {
			addLanes(p.reduced(), sum)
			return
		}
		p.absorb(at(s.dst, i-width), at(table, i), c.swap, sum, i == 0)
	})
	last := keys.key(lastRound)
	for i, z := range data {
		text := ZMM()
		VPXORQ(at(s.src, i), last, text)
		VAESENCLAST(text, z, z)
		VMOVDQU64(z, at(s.dst, i))
	}
	s.advance(width * vector)
	JNZ(LabelRef("many"))
	VMOVDQU64(sum.AsX(), Mem{Base: y})
	VZEROUPPER()
	RET()
}
