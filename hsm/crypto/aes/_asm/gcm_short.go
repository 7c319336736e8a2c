package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// GCM of short messages (SP 800-38D section 7) in one go: the counter blocks, that of
// the tag beside them, are encrypted all at once, and additional data, text and lengths
// are hashed with one reduction, each block by the power of H that is its place from the
// end. The length of the text decides how many registers that takes.

// widest is how many registers a text takes at most.
const widest = 4

// short is a message in registers.
type short struct {
	open   bool
	keys   schedule
	n      Register // bytes of text
	powers Register // those of H for the text
	iv     VecVirtual
	swap   VecVirtual
	hash   *product
}

func shortGCM(name string, open bool, result string, doc ...string) {
	TEXT(name, NOSPLIT, "func(keys *[61]uint32, table *[35][16]byte, iv *byte, y *[16]byte, hashed int, aad *byte, aadLen int, dst, src *byte, n int, tag *byte, tagSize int)"+result)
	Doc(doc...)
	Pragma("noescape")
	m := &short{open: open, keys: loadSchedule(), n: Load(Param("n"), GP64()), swap: swapMask(), hash: newProduct()}
	m.loadIV()
	m.hash.clear()
	m.additional()
	for width := 1; width < widest; width++ {
		CMPQ(m.n, U32(uint32(width*vector)))
		JBE(LabelRef(by(width)))
	}
	for width := widest; width > 0; width-- {
		Label(by(width))
		m.text(width)
	}
	if open {
		Label("refuse")
		m.result(0)
	}
}

func by(width int) string { return fmt.Sprint("by", width) }

// loadIV puts it into every lane, 0 after it.
func (m *short) loadIV() {
	m.iv = ZMM()
	from := Load(Param("iv"), GP64())
	VMOVQ(Mem{Base: from}, m.iv.AsX())
	VPINSRD(U8(2), Mem{Base: from, Disp: 8}, m.iv.AsX(), m.iv.AsX())
	VSHUFI64X2(U8(0), m.iv, m.iv, m.iv)
}

// additional finds the powers and takes in the additional data.
func (m *short) additional() {
	aad, left := Load(Param("aad"), GP64()), Load(Param("aadLen"), GP64())
	m.powers = Load(Param("table"), GP64())
	ADDQ(U32((powers-1)*blockSize), m.powers)
	SUBQ(wholeBlocks(m.n), m.powers)
	TESTQ(left, left)
	JZ(LabelRef("text"))
	power, y := GP64(), ZMM()
	MOVQ(m.powers, power)
	SUBQ(wholeBlocks(left), power)
	VMOVDQU(Mem{Base: Load(Param("y"), GP64())}, y.AsX())
	VPSHUFB(m.swap.AsX(), y.AsX(), y.AsX())
	Label("aad")
	x := ZMM()
	VMOVDQU8_Z(at(aad, 0), firstBytes(left), x)
	VPXORQ(y, x, x)
	VPXORQ(y, y, y)
	m.absorb(x, at(power, 0))
	ADDQ(U8(vector), aad)
	ADDQ(U8(vector), power)
	SUBQ(U8(vector), left)
	JG(LabelRef("aad"))
	Label("text")
}

// wholeBlocks is how many bytes the blocks have that n bytes begin.
func wholeBlocks(n Register) Register {
	size := GP64()
	LEAQ(Mem{Base: n, Disp: blockSize - 1}, size)
	ANDQ(I8(-blockSize), size)
	return size
}

// absorb hashes what is in x, and leaves that as it is.
func (m *short) absorb(x VecVirtual, power Mem) {
	turned, h := ZMM(), ZMM()
	VPSHUFB(m.swap, x, turned)
	VMOVDQU64(power, h)
	m.hash.add(turned, h)
}

// text does a text of so many registers, all of which but the last are full, and ends
// the message.
func (m *short) text(width int) {
	data, j0 := registers(width), ZMM()
	m.counterBlocks(append(data, j0))
	m.keys.middle(by(width), VAESENC, append(data, j0), m.keys.key, func(int) {})
	m.lengths()
	key, src, part := m.keys.key(lastRound), Load(Param("src"), GP64()), m.lastMask(width)
	VAESENCLAST(key.AsX(), j0.AsX(), j0.AsX())
	for i, z := range data {
		in, final, last := ZMM(), ZMM(), i == width-1
		if last {
			VMOVDQU8_Z(at(src, i), part, in)
		} else {
			VMOVDQU64(at(src, i), in)
		}
		VPXORQ(in, key, final)
		VAESENCLAST(final, z, z)
		if !m.open {
			in = z
			if last {
				VMOVDQU8_Z(z, part, z)
			}
		}
		m.absorb(in, at(m.powers, i))
	}
	m.end(j0, data, part)
}

// counterBlocks makes those of the data, of which the first has number 2, and after them
// that of the tag, number 1; the first key is added.
func (m *short) counterBlocks(data []VecVirtual) {
	var numbers []U64
	for i := range U64(widest * vector / blockSize) {
		numbers = append(numbers, 0, (2+i)<<56)
	}
	counters, white := words("shortCounters", numbers...), ZMM()
	VBROADCASTI32X4(Mem{Base: m.keys.whitening}, white)
	VPXORQ(m.iv, white, white)
	last := len(data) - 1
	VPXOR(words("firstCounter", 0, 1<<56), white.AsX(), data[last].AsX())
	for i, z := range data[:last] {
		VPXORQ(counters.Offset(i*vector), white, z)
	}
}

// lengths takes in the last block, in bits.
func (m *short) lengths() {
	block, h := ZMM(), ZMM()
	VMOVQ(m.n, block.AsX())
	aad := Load(Param("aadLen"), GP64())
	ADDQ(Load(Param("hashed"), GP64()), aad)
	VPINSRQ(U8(1), aad, block.AsX(), block.AsX())
	VPSLLQ(U8(3), block.AsX(), block.AsX())
	table := Load(Param("table"), GP64())
	VMOVDQU(Mem{Base: table, Disp: (powers - 1) * blockSize}, h.AsX())
	m.hash.add(block, h)
}

// lastMask is the bytes of text in the last register.
func (m *short) lastMask(width int) Register {
	ones, left, k := GP64(), GP64(), K()
	MOVQ(I32(-1), ones)
	LEAQ(Mem{Base: m.n, Disp: -(width - 1) * vector}, left)
	BZHIQ(left, ones, ones)
	KMOVQ(ones, k)
	return k
}

// end makes the tag and writes it, or compares it before it writes the text.
func (m *short) end(j0 VecVirtual, data []VecVirtual, part Register) {
	sum := ZMM()
	addLanes(m.hash.reduced(), sum)
	tag := sum.AsX()
	VPSHUFB(m.swap.AsX(), tag, tag)
	VPXOR(j0.AsX(), tag, tag)
	memory, k := Mem{Base: Load(Param("tag"), GP64())}, firstBytes(Load(Param("tagSize"), GP64()))
	if m.open {
		given := XMM()
		VMOVDQU8_Z(memory, k, given)
		VMOVDQU8_Z(tag, k, tag)
		VPXOR(given, tag, tag)
		VPTEST(tag, tag)
		JNE(LabelRef("refuse"))
	} else {
		VMOVDQU8(tag, k, memory)
	}
	dst := Load(Param("dst"), GP64())
	for i, z := range data {
		if i == len(data)-1 {
			VMOVDQU8(z, part, at(dst, i))
		} else {
			VMOVDQU64(z, at(dst, i))
		}
	}
	m.result(1)
}

func (m *short) result(ok uint8) {
	if m.open {
		r := GP8()
		MOVB(U8(ok), r)
		Store(r, ReturnIndex(0))
	}
	VZEROUPPER()
	RET()
}
