package rsa

import "math/bits"

// modulus is a modulus for each lane of a kernel, odd ones, made ready.
type modulus struct {
	*kernel
	// block is what the kernel needs: -1/m mod 2^52 over and over (8 words), m, and
	// m without its lowest digit; or, for eight lanes, room to work in.
	block []uint64
	m     []uint64 // m in block
	one   []uint64 // R mod m
	rr    []uint64 // R^2 mod m
}

// newModulus makes moduli ready, big-endian ones of at most k.maxBits.
func newModulus(k *kernel, moduli ...[]byte) *modulus {
	m := newModuli(k, moduli...)
	m.squareOfR()
	return m
}

// newModuli does so, but for rr.
func newModuli(k *kernel, moduli ...[]byte) *modulus {
	n := k.words()
	m := &modulus{kernel: k, block: make([]uint64, k.blockWords()), one: make([]uint64, n), rr: make([]uint64, n)}
	m.m = m.block[8 : 8+n]
	x := make([]uint64, k.digits)
	for l, b := range moduli {
		toDigits(x, b)
		m.put(m.m, l, x)
		one := powerOf2(x)
		m.put(m.one, l, one)
		clear(one) // the modulus divides what it differs by from the power
		k0 := negativeInverse(x[0])
		for i := l; i < 8; i += k.lanes {
			m.block[i] = k0
		}
	}
	if k.lanes != wide {
		copy(m.block[8+n:], m.m[k.lanes:])
	}
	clear(x)
	return m
}

// negativeInverse is -1/x mod 2^52 of an odd x: each round of Newton's method
// doubles the number of right bits, of which there are 3 to begin with.
func negativeInverse(x uint64) uint64 {
	y := x
	for range 5 {
		y *= 2 - x*y
	}
	return -y & digitMask
}

// powerOf2 is 2^(52*len(m)) mod m. It takes a time that depends on how long m is.
func powerOf2(m []uint64) []uint64 {
	s := shape{1, len(m)}
	x := make([]uint64, len(m))
	top := len(m) - 1
	for top > 0 && m[top] == 0 {
		top--
	}
	// The power of two below m, as m is odd; and 1, if m is.
	length := digitBits*top + bits.Len64(m[top])
	x[top] = 1 << ((length - 1) % digitBits)
	for range digitBits*len(m) - length + 1 {
		s.add(x, x, x)
		s.reduce(x, m)
	}
	return x
}

// squareOfR computes R^2 mod m as the Montgomery form of 2^(52*digits).
func (m *modulus) squareOfR() {
	two := make([]uint64, len(m.one))
	defer clear(two)
	m.add(two, m.one, m.one)
	m.reduce(two, m.m)
	copy(m.rr, two)
	power := uint(digitBits * m.digits)
	for i := bits.Len(power) - 2; i >= 0; i-- {
		m.mul(m.rr, m.rr, m.rr, m.block, 1)
		if power>>i&1 == 1 {
			m.mul(m.rr, m.rr, two, m.block, 1)
		}
	}
	m.reduce(m.rr, m.m)
}

// zero wipes the modulus.
func (m *modulus) zero() {
	clear(m.block)
	clear(m.one)
	clear(m.rr)
}

// exponent is an exponent for each lane, in windows: window i of lane l, counted
// from the top, is byte i*lanes+l.
type exponent []byte

// newExponent cuts big-endian exponents of at most so many bits into windows, one
// exponent for each lane.
func newExponent(window, length int, exponents ...[]byte) exponent {
	lanes, n := len(exponents), (length+window-1)/window
	e := make(exponent, n*lanes)
	for l, b := range exponents {
		for i := range n * window {
			if i < 8*len(b) {
				bit := b[len(b)-1-i/8] >> (i % 8) & 1
				e[(n-1-i/window)*lanes+l] |= bit << (i % window)
			}
		}
	}
	return e
}

// exp sets z to x^e in every lane, all in Montgomery form and below 2m. It has a
// fixed window, and what it reads of table, which has room for tableSize numbers,
// does not depend on e. z is not x.
func (m *modulus) exp(z, x []uint64, e exponent, table []uint64) {
	n := m.kernel.words()
	entry := func(i int) []uint64 { return table[i*n:][:n] }
	copy(entry(0), m.one)
	copy(entry(1), x)
	for i := 2; i < m.tableSize(); i += 2 {
		m.mul(entry(i), entry(i/2), entry(i/2), m.block, 1)
		m.mul(entry(i+1), entry(i), x, m.block, 1)
	}
	power := table[m.tableSize()*n:][:n]
	index := (*[8]uint64)(table[(m.tableSize()+1)*n:])
	for at := 0; at < len(e); at += m.lanes {
		for i := range index {
			index[i] = uint64(e[at+i%m.lanes])
		}
		if at == 0 {
			m.pick(z, table, index)
			continue
		}
		m.pick(power, table, index)
		m.mul(z, z, z, m.block, m.window())
		m.mul(z, z, power, m.block, 1)
	}
}

// expWords is the room that exp needs in table: the table, one number more, and the
// windows of the exponent under way.
func (s shape) expWords() int { return (s.tableSize()+1)*s.words() + 8 }
