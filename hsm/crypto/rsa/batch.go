package rsa

import "sync"

// batchMin is from how many on they are done so: two take no longer one after the
// other.
const batchMin = 3

// batchSize is how many private operations a kernel of eight lanes does at once: each
// takes a lane for either prime.
const batchSize = wide / 2

// batcher does several private operations at once, with keys of one kernel of two
// lanes whose moduli have twice as many digits as their primes.
type batcher struct {
	private, public *kernel // of eight lanes
	rooms           sync.Pool
}

// class is what the keys of a batch have in common besides, and what the time of an
// operation depends on.
type class struct {
	exponent int
	e        uint
}

func (k *crtKey) class() class { return class{len(k.wideE), k.public.e} }

// room is what a batch works in.
type room struct {
	words []uint64
	e     exponent
}

// newBatcher returns nil if there are no kernels of eight lanes.
func newBatcher(kernels []kernel, digits int) *batcher {
	b := &batcher{private: kernelOf(kernels, shape{wide, digits}), public: kernelOf(kernels, shape{wide, 2 * digits})}
	if b.private == nil || b.public == nil {
		return nil
	}
	b.rooms.New = func() any {
		return &room{words: make([]uint64, b.private.batchWords()+b.public.batchWords())}
	}
	return b
}

// batchWords is the room that a batch needs for constants, and to work in.
func (s shape) batchWords() int { return s.blockWords() + 5*s.words() + s.scratchWords() }

// run does up to batchSize operations of one class.
func (b *batcher) run(ops []*operation) {
	r := b.rooms.Get().(*room)
	defer b.rooms.Put(r)
	defer clear(r.words)
	cut := cutter(r.words)
	r.e = append(r.e[:0], make(exponent, wide/2*len(ops[0].key.wideE))...)
	defer clear(r.e)
	p := b.primes(ops, r.e, &cut)
	p.power(ops, cut.next(b.private.scratchWords()))
	n := b.moduli(ops, &cut)
	n.check(ops, cut)
}

// primes puts the primes of operation i, and what belongs to them, in the lanes 2i
// and 2i+1. Lanes that are not used have the modulus 0, and nothing but zeros.
func (b *batcher) primes(ops []*operation, e exponent, cut *cutter) *primes {
	p := &primes{modulus: blankModulus(b.private, cut), e: e}
	n := b.private.words()
	p.rrr, p.qInv, p.plainOne = cut.next(n), cut.next(n), cut.next(n)
	for i, op := range ops {
		k := op.key
		p.take(2*i, k.modulus)
		p.spread(p.one, 2*i, k.modulus, k.one)
		p.spread(p.rrr, 2*i, k.modulus, k.rrr)
		p.spread(p.qInv, 2*i, k.modulus, k.qInv)
		p.spread(p.plainOne, 2*i, k.modulus, k.plainOne)
		for at := 0; at < len(k.wideE); at += 2 {
			copy(e[wide/2*at+2*i:], k.wideE[at:at+2])
		}
	}
	return p
}

// moduli puts the modulus of operation i in lane i.
func (b *batcher) moduli(ops []*operation, cut *cutter) *publicModulus {
	n := &publicModulus{modulus: blankModulus(b.public, cut), e: ops[0].key.public.e}
	for i, op := range ops {
		n.take(i, op.key.public.modulus)
	}
	return n
}

// blankModulus is a modulus whose lanes take fills.
func blankModulus(k *kernel, cut *cutter) *modulus {
	n := k.words()
	m := &modulus{kernel: k, block: cut.next(k.blockWords()), one: cut.next(n), rr: cut.next(n)}
	m.m = m.block[8 : 8+n]
	return m
}

// take puts the moduli of from into the lanes from the given one on, without 1.
func (m *modulus) take(lane int, from *modulus) {
	copy(m.block[lane:], from.block[:from.lanes])
	m.spread(m.m, lane, from, from.m)
	m.spread(m.rr, lane, from, from.rr)
}

// spread puts the numbers x of another kernel into lanes of z.
func (m *modulus) spread(z []uint64, lane int, from *modulus, x []uint64) {
	for i := range m.digits {
		copy(z[i*m.lanes+lane:], x[i*from.lanes:][:from.lanes])
	}
}
