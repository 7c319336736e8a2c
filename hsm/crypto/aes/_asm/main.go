// Command _asm writes the assembly of hsm/crypto/aes: AES by VAES and GHASH by
// VPCLMULQDQ, four blocks in a register of AVX-512, and AES by AES-NI. No instruction here takes a
// time, an address or a branch from a key or from data; lengths are public.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

//go:generate go run . -out ../aes_amd64.s -stubs ../asm_amd64.go -pkg aes

const (
	blockSize = 16
	vector    = 64 // bytes in a register
	lastRound = 14 // the place of the last round key in a schedule
	// firstCommon is the place from which on keys of all sizes have round keys.
	firstCommon = 5
)

func main() {
	ConstraintExpr("!purego")
	subWord()
	invertKeys()
	blocks("encryptBlocks", VAESENC, VAESENCLAST)
	blocks("decryptBlocks", VAESDEC, VAESDECLAST)
	decryptCBC()
	counterMode()
	xts("encryptXTS", VAESENC, VAESENCLAST)
	xts("decryptXTS", VAESDEC, VAESDECLAST)
	hashTable()
	hashBlocks()
	sealBlocks()
	shortGCM("sealShort", false, "",
		"sealShort does a message of up to 256 bytes, n from src to dst, with up to 240 bytes of",
		"additional data, before which y, its bytes turned around, has taken in the hashed ones: 0",
		"where there are no more. It writes the first bytes of the tag. The IV has 12 bytes. dst",
		"and src are the same or do not overlap; no pointer is nil.")
	shortGCM("openShort", true, " bool",
		"openShort is what undoes sealShort. It writes to dst only if the tag is right.")
	blocksNI("encryptBlocksNI", VAESENC, VAESENCLAST)
	blocksNI("decryptBlocksNI", VAESDEC, VAESDECLAST)
	encryptCBC()
	decryptCBCNI()
	xtsOfNI("encryptXTSNI", VAESENC, VAESENCLAST)
	xtsOfNI("decryptXTSNI", VAESDEC, VAESDECLAST)
	Generate()
}

func subWord() {
	TEXT("subWord", NOSPLIT, "func(x uint32) uint32")
	Doc("subWord is SubWord of FIPS 197, section 5.2.")
	x, w := XMM(), Load(Param("x"), GP32())
	VMOVD(w, x)
	VPSHUFD(U8(0), x, x)
	VAESKEYGENASSIST(U8(0), x, x)
	VMOVD(x, w)
	Store(w, ReturnIndex(0))
	RET()
}

func invertKeys() {
	TEXT("invertKeys", NOSPLIT, "func(dst, src *[4]uint32, n int)")
	Doc("invertKeys does InvMixColumns of n round keys: those from src on, downwards to dst.")
	Pragma("noescape")
	dst, src, n := GP64(), GP64(), GP64()
	Load(Param("dst"), dst)
	Load(Param("src"), src)
	Load(Param("n"), n)
	Label("next")
	x := XMM()
	VAESIMC(Mem{Base: src}, x)
	VMOVDQU(x, Mem{Base: dst})
	ADDQ(U8(blockSize), src)
	SUBQ(U8(blockSize), dst)
	DECQ(n)
	JNZ(LabelRef("next"))
	RET()
}

// constants are those that have been written.
var constants = map[string]Mem{}

// words is a constant in memory.
func words(name string, values ...U64) Mem {
	m, ok := constants[name]
	if !ok {
		m = GLOBL(name, RODATA|NOPTR)
		for i, v := range values {
			DATA(8*i, v)
		}
		constants[name] = m
	}
	return m
}

// constant is 16 bytes in every lane of a register.
func constant(name string, lo, hi U64) VecVirtual {
	z := ZMM()
	VBROADCASTI32X4(words(name, lo, hi), z)
	return z
}

// span is what a kernel goes along: dst may be nil.
type span struct {
	dst, src, n Register
}

func loadSpan(dst bool) span {
	s := span{src: Load(Param("src"), GP64()), n: Load(Param("n"), GP64())}
	if dst {
		s.dst = Load(Param("dst"), GP64())
	}
	return s
}

// at is where the i-th register of src or dst is.
func at(base Register, i int) Mem { return Mem{Base: base, Disp: i * vector} }

func (s span) advance(bytes int) {
	ADDQ(I32(int32(bytes)), s.src)
	if s.dst != nil {
		ADDQ(I32(int32(bytes)), s.dst)
	}
	SUBQ(I32(int32(bytes)), s.n)
}

// loops runs body on width registers at a time, and then on single ones, the last
// of which may be filled in part. load and store are how body gets at the i-th.
func (s span) loops(width int, body func(width int, load func(i int, z Register), store func(i int, z Register))) {
	CMPQ(s.n, I32(int32(width*vector)))
	JB(LabelRef("narrow"))
	Label("wide")
	body(width,
		func(i int, z Register) { VMOVDQU64(at(s.src, i), z) },
		func(i int, z Register) { VMOVDQU64(z, at(s.dst, i)) })
	s.advance(width * vector)
	CMPQ(s.n, I32(int32(width*vector)))
	JAE(LabelRef("wide"))
	Label("narrow")
	TESTQ(s.n, s.n)
	JLE(LabelRef("done"))
	k := firstBytes(s.n)
	body(1,
		func(i int, z Register) { VMOVDQU8_Z(at(s.src, i), k, z) },
		func(i int, z Register) { VMOVDQU8(z, k, at(s.dst, i)) })
	s.advance(vector)
	JMP(LabelRef("narrow"))
	Label("done")
	VZEROUPPER()
	RET()
}

// firstBytes is a mask of the first n bytes of a register, of all where n is more.
func firstBytes(n Register) Register {
	ones, k := GP64(), K()
	MOVQ(I32(-1), ones)
	limit, all := GP64(), GP64()
	MOVQ(U32(vector), all)
	MOVQ(n, limit)
	CMPQ(limit, all)
	CMOVQGT(all, limit)
	BZHIQ(limit, ones, ones)
	KMOVQ(ones, k)
	return k
}

// schedule is a key schedule in memory: see the type of that name.
type schedule struct {
	base, rounds, whitening GPVirtual
}

func loadSchedule() schedule {
	s := schedule{GP64(), GP64(), GP64()}
	Load(Param("keys"), s.base)
	MOVL(Mem{Base: s.base, Disp: (lastRound + 1) * blockSize}, s.rounds.As32())
	// The first key is at lastRound-rounds.
	MOVQ(U32(lastRound), s.whitening)
	SUBQ(s.rounds, s.whitening)
	SHLQ(U8(4), s.whitening)
	ADDQ(s.base, s.whitening)
	return s
}

func (s schedule) key(i int) VecVirtual {
	z := ZMM()
	VBROADCASTI32X4(Mem{Base: s.base, Disp: i * blockSize}, z)
	return z
}

// roundKeys are the keys in registers.
type roundKeys struct {
	schedule
	first VecVirtual
	keys  [lastRound + 1]VecVirtual
}

func (s schedule) inRegisters() *roundKeys {
	r := &roundKeys{schedule: s, first: ZMM()}
	VBROADCASTI32X4(Mem{Base: s.whitening}, r.first)
	for i := 1; i <= lastRound; i++ {
		r.keys[i] = s.key(i)
	}
	return r
}

type roundOp = func(m, x, y Op)

// middle is all rounds but the last: which of them are done depends on the size of
// the key. between is called after each round that every key has.
func (s schedule) middle(label string, round roundOp, data []VecVirtual, key func(int) VecVirtual, between func(i int)) {
	one := func(i int) {
		k := key(i)
		for _, z := range data {
			round(k, z, z)
		}
	}
	CMPQ(s.rounds, U8(12))
	JB(LabelRef(label + "ten"))
	JE(LabelRef(label + "twelve"))
	one(1)
	one(2)
	Label(label + "twelve")
	one(3)
	one(4)
	Label(label + "ten")
	for i := firstCommon; i < lastRound; i++ {
		one(i)
		between(i)
	}
}

func (r *roundKeys) cipher(label string, round, last roundOp, data []VecVirtual) {
	for _, z := range data {
		VPXORQ(r.first, z, z)
	}
	r.middle(label, round, data, func(i int) VecVirtual { return r.keys[i] }, func(int) {})
	for _, z := range data {
		last(r.keys[lastRound], z, z)
	}
}

func registers(n int) []VecVirtual {
	list := make([]VecVirtual, n)
	for i := range list {
		list[i] = ZMM()
	}
	return list
}
