package rsa

import "math/bits"

// What is done with numbers outside of the kernels. All of it takes a time that
// depends on lengths only.

// toDigits sets z to a big-endian number that is not longer.
func toDigits(z []uint64, b []byte) {
	clear(z)
	acc, n, i := uint64(0), 0, 0
	for at := len(b) - 1; at >= 0; at-- {
		acc |= uint64(b[at]) << n
		if n += 8; n >= digitBits {
			z[i] = acc & digitMask
			acc >>= digitBits
			n -= digitBits
			i++
		}
	}
	if n > 0 && i < len(z) {
		z[i] = acc
	}
}

// fromDigits writes z to b, big-endian and with zeros in front. What does not fit
// is lost.
func fromDigits(b []byte, z []uint64) {
	clear(b)
	acc, n, at := uint64(0), 0, len(b)-1
	for _, d := range z {
		acc |= d << n
		for n += digitBits; n >= 8 && at >= 0; n -= 8 {
			b[at] = byte(acc)
			acc >>= 8
			at--
		}
	}
	if n > 0 && at >= 0 {
		b[at] = byte(acc)
	}
}

// put and get move a number to and from a lane.
func (s shape) put(z []uint64, lane int, x []uint64) {
	for i, d := range x[:s.digits] {
		z[i*s.lanes+lane] = d
	}
}

func (s shape) get(x, z []uint64, lane int) {
	for i := range s.digits {
		x[i] = z[i*s.lanes+lane]
	}
}

// add sets z to x+y in every lane; the sums are below R.
func (s shape) add(z, x, y []uint64) {
	for l := range s.lanes {
		carry := uint64(0)
		for i := l; i < s.lanes*s.digits; i += s.lanes {
			carry += x[i] + y[i]
			z[i] = carry & digitMask
			carry >>= digitBits
		}
	}
}

// reduce subtracts m from x in each lane where it is not the larger one.
func (s shape) reduce(x, m []uint64) {
	for l := range s.lanes {
		borrow := uint64(0)
		for i := l; i < s.lanes*s.digits; i += s.lanes {
			borrow = (x[i] - m[i] - borrow) >> 63
		}
		keep := borrow - 1 // all ones if x >= m
		borrow = 0
		for i := l; i < s.lanes*s.digits; i += s.lanes {
			d := x[i] - m[i]&keep - borrow
			borrow = d >> 63
			x[i] = d & digitMask
		}
	}
}

// addSub sets z to x+y-w, which is not negative; all have the same length.
func addSub(z, x, y, w []uint64) {
	carry := int64(0)
	for i := range z {
		carry += int64(x[i]) + int64(y[i]) - int64(w[i])
		z[i] = uint64(carry) & digitMask
		carry >>= digitBits
	}
}

// mulAdd sets z to x*y+w. z is as long as x and y together; no carry is made
// before the end, for which up to 2^11 digits are few enough.
func mulAdd(z, x, y, w []uint64) {
	clear(z)
	copy(z, w)
	for i, a := range x {
		row := z[i : i+len(y)+1]
		for j, b := range y {
			hi, lo := mul52(a, b)
			row[j] += lo
			row[j+1] += hi
		}
	}
	carry := uint64(0)
	for i := range z {
		carry += z[i]
		z[i] = carry & digitMask
		carry >>= digitBits
	}
}

// mul52 is the product of two digits in two digits: VPMADD52HUQ, VPMADD52LUQ.
func mul52(x, y uint64) (hi, lo uint64) {
	hi, lo = bits.Mul64(x, y)
	return hi<<(64-digitBits) | lo>>digitBits, lo & digitMask
}
