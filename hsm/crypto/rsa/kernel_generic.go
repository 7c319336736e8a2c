package rsa

// genericKernels are the twins of the assembly.
func genericKernels() []kernel {
	kernels := make([]kernel, len(shapes))
	for i, s := range shapes {
		kernels[i] = kernel{
			shape: s,
			name:  "generic",
			mul: func(z, x, y, m []uint64, times int) {
				s.mulGeneric(z, x, y, m)
				for range times - 1 {
					s.mulGeneric(z, z, z, m)
				}
			},
			pick:    s.pickGeneric,
			scratch: s.newScratch(),
		}
	}
	return withQueues(kernels)
}

// mulGeneric is one multiplication in all lanes.
func (s shape) mulGeneric(z, x, y, m []uint64) {
	for l := range s.lanes {
		var sum digits
		s.mulLane(&sum, x[l:], y[l:], m[8+l:], m[l])
		carry := uint64(0)
		for i := range s.digits {
			carry += sum[i]
			z[i*s.lanes+l] = carry & digitMask
			carry >>= digitBits
		}
	}
}

// digits is room for a number of the longest shape.
type digits [80]uint64

// mulLane is almost Montgomery multiplication, digit by digit. Each step adds a
// multiple of the modulus that makes the lowest digit vanish, and moves down by
// a digit. The digits of the sum stay below 2^52*(4*digits+1), and need not be
// carried before the end.
func (s shape) mulLane(sum *digits, x, y, m []uint64, k0 uint64) {
	t := sum[:s.digits]
	for i := range t {
		b := y[i*s.lanes]
		_, low := mul52(x[0], b)
		q := (t[0] + low) * k0 & digitMask
		_, low2 := mul52(m[0], q)
		// The sum is a multiple of 2^52; what it carries goes into the next digit.
		carry := (t[0] + low + low2) >> digitBits
		for j := range len(t) - 1 {
			hiX, _ := mul52(x[j*s.lanes], b)
			hiM, _ := mul52(m[j*s.lanes], q)
			_, loX := mul52(x[(j+1)*s.lanes], b)
			_, loM := mul52(m[(j+1)*s.lanes], q)
			t[j] = t[j+1] + hiX + hiM + loX + loM
		}
		top := (len(t) - 1) * s.lanes
		hiX, _ := mul52(x[top], b)
		hiM, _ := mul52(m[top], q)
		t[len(t)-1] = hiX + hiM
		t[0] += carry
	}
}

func (s shape) pickGeneric(z, table []uint64, index *[8]uint64) {
	n := s.words()
	clear(z[:n])
	for e := range uint64(s.tableSize()) {
		entry := table[int(e)*n:][:n]
		for i, w := range entry {
			d := e ^ index[i%8]
			z[i] |= w & -((d - 1) &^ d >> 63) // all ones if d is 0
		}
	}
}
