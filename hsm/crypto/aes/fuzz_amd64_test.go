//go:build !purego

package aes

import (
	"bytes"
	"slices"
	"testing"
)

// FuzzGHASH compares the assembly of GHASH, and the powers it makes of a hash key, with
// multiplication bit by bit, under any hash key and from any state: also under those that no
// AES key is known for, like 0, 1 and all ones.
func FuzzGHASH(f *testing.F) {
	works := slices.ContainsFunc(implementations, func(i implementation) bool { return i.name == "vaes" })
	f.Add([]byte{}, []byte{}, []byte("data"), uint16(100))
	f.Add([]byte{0x80}, []byte{1}, bytes.Repeat([]byte{0xff}, 33), uint16(600))
	f.Add(bytes.Repeat([]byte{0xff}, 16), []byte{0xff}, []byte{0xff}, uint16(513))
	f.Fuzz(func(t *testing.T, key, state, unit []byte, length uint16) {
		if !works { // the processor has none of it
			return
		}
		var h, y [16]byte
		copy(h[:], key)
		copy(y[:], state)
		data := bytes.Repeat(append(unit, 1), int(length)%1200/(len(unit)+1)+1)[:int(length)%1200]
		var powers hashPowers
		makePowers(&powers, &h)
		run := gcmRun{powers: &powers, y: y}
		slices.Reverse(run.y[:])
		run.update(data)
		for ; len(data) > 0; data = data[min(len(data), 16):] {
			for i, b := range data[:min(len(data), 16)] {
				y[i] ^= b
			}
			y = multiply(y, h)
		}
		if got := run.sum(); got != y {
			t.Errorf("H = %x, %d bytes: %x, want %x", h, length%1200, got, y)
		}
	})
}
