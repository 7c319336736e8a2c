// Command _asm writes the assembly of package rsa:
//
//	go run . -out ../kernel_amd64.s
package main

import (
	. "github.com/mmcloughlin/avo/build"
)

//go:generate go run . -out ../kernel_amd64.s -pkg rsa

// shapes are the kernels to write: numbers side by side, digits of each.
var shapes = []shape{{1, 40}, {1, 60}, {1, 80}, {2, 20}, {2, 30}, {2, 40}}

func main() {
	ConstraintExpr("!purego")
	picks := map[int]bool{}
	for _, s := range shapes {
		s.mul()
		if v := s.vectors(); s.lanes > 1 && !picks[v] {
			picks[v] = true
			pick(v)
		}
	}
	vertical()
	Generate()
}
