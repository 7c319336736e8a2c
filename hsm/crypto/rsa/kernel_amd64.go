//go:build !purego

package rsa

import "golang.org/x/sys/cpu"

//go:generate go -C _asm run . -out ../kernel_amd64.s -pkg rsa

// The functions of kernel_amd64.s. mulLxD is kernel.mul for L lanes of D digits,
// pickV is kernel.pick for numbers of V vectors.

//go:noescape
func mul1x40(z, x, y, m *uint64, times int)

//go:noescape
func mul1x60(z, x, y, m *uint64, times int)

//go:noescape
func mul1x80(z, x, y, m *uint64, times int)

//go:noescape
func mul2x20(z, x, y, m *uint64, times int)

//go:noescape
func mul2x30(z, x, y, m *uint64, times int)

//go:noescape
func mul2x40(z, x, y, m *uint64, times int)

//go:noescape
func mul8(z, x, y, m *uint64, digits int)

//go:noescape
func square8(z, x, m *uint64, digits, times int)

//go:noescape
func pick8lanes(z, table *uint64, index *[8]uint64, digits, entries int)

//go:noescape
func pick5(z, table *uint64, index *[8]uint64)

//go:noescape
func pick8(z, table *uint64, index *[8]uint64)

//go:noescape
func pick10(z, table *uint64, index *[8]uint64)

// assemblyKernels returns the kernels of the same shapes as genericKernels, nil
// if the processor has not got the instructions.
func assemblyKernels() []kernel {
	x := &cpu.X86
	if !(x.HasAVX512F && x.HasAVX512IFMA && x.HasAVX512VL && x.HasAVX512DQ && x.HasAVX512BW && x.HasBMI2) {
		return nil
	}
	kernels := make([]kernel, len(shapes))
	for i, s := range shapes {
		kernels[i] = kernel{shape: s, name: "avx512ifma", mul: mulWith(s), pick: pickWith(s), scratch: s.newScratch()}
	}
	return withQueues(kernels)
}

func mulWith(s shape) func(z, x, y, m []uint64, times int) {
	if s.lanes == wide {
		return s.mulWide
	}
	f := map[shape]func(z, x, y, m *uint64, times int){
		{1, 40}: mul1x40, {1, 60}: mul1x60, {1, 80}: mul1x80,
		{2, 20}: mul2x20, {2, 30}: mul2x30, {2, 40}: mul2x40,
	}[s]
	n := s.words()
	return func(z, x, y, m []uint64, times int) {
		_, _, _, _ = z[n-1], x[n-1], y[n-1], m[8+2*n-1]
		f(&z[0], &x[0], &y[0], &m[0], times)
	}
}

// mulWide is kernel.mul for eight lanes, in which squaring takes three quarters of
// the time of another multiplication.
func (s shape) mulWide(z, x, y, m []uint64, times int) {
	n := s.words()
	_, _, _, _ = z[n-1], x[n-1], y[n-1], m[s.blockWords()-1]
	if &x[0] != &y[0] {
		mul8(&z[0], &x[0], &y[0], &m[0], s.digits)
		if times--; times == 0 {
			return
		}
		x = z
	}
	square8(&z[0], &x[0], &m[0], s.digits, times)
}

func pickWith(s shape) func(z, table []uint64, index *[8]uint64) {
	n, entries := s.words(), s.tableSize()
	if s.lanes == wide {
		return func(z, table []uint64, index *[8]uint64) {
			_, _ = z[n-1], table[entries*n-1]
			pick8lanes(&z[0], &table[0], index, s.digits, entries)
		}
	}
	f := map[int]func(z, table *uint64, index *[8]uint64){40: pick5, 64: pick8, 80: pick10}[n]
	return func(z, table []uint64, index *[8]uint64) {
		_, _ = z[n-1], table[entries*n-1]
		f(&z[0], &table[0], index)
	}
}
