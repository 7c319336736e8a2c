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
	return kernels
}

func mulWith(s shape) func(z, x, y, m []uint64, times int) {
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

func pickWith(s shape) func(z, table []uint64, index *[8]uint64) {
	n := s.words()
	f := map[int]func(z, table *uint64, index *[8]uint64){40: pick5, 64: pick8, 80: pick10}[n]
	return func(z, table []uint64, index *[8]uint64) {
		_, _ = z[n-1], table[tableSize*n-1]
		f(&z[0], &table[0], index)
	}
}
