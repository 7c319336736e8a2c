//go:build !purego

package aes

import "golang.org/x/sys/cpu"

// accelerated are the implementations that the processor has the instructions for.
func accelerated() (list []implementation) {
	x := &cpu.X86
	if x.HasAVX && x.HasAES {
		list = append(list, implementation{"aesni", newAESNI, aesniOnce})
	}
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX512DQ && x.HasBMI2 && x.HasAES &&
		x.HasAVX512VAES && x.HasAVX512VPCLMULQDQ {
		list = append(list, implementation{"vaes", newVAES, vaesOnce})
	}
	return list
}
