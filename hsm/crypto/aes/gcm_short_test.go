//go:build unix

package aes

import (
	"bytes"
	"testing"
)

// Lengths of text and of additional data about what is done in one go.
var (
	shortTexts = sequence(0, 275)
	shortDatas = append(sequence(0, 100), 224, 239, 240, 241, 255, 256, 257, 300, 512, 1000)
)

func sequence(from, to int) (list []int) {
	for n := from; n <= to; n++ {
		list = append(list, n)
	}
	return list
}

// TestShortGCM has every length of text with some lengths of additional data, so that
// all pairs of places of their ends within a block come up, with all buffers at the
// edges of memory and in place.
func TestShortGCM(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		dst, src, ivs, aads := guarded(t, 1), guarded(t, 1), guarded(t, 1), guarded(t, 1)
		for i, n := range shortTexts {
			p := newPair(t, impl, random(r, keySizes[i%3]))
			got, want := p.sizes(t, 12)
			for j := i % 7; j < len(shortDatas); j += 7 {
				iv, aad := ivs[len(ivs)-12:], aads[len(aads)-shortDatas[j]:]
				copy(iv, random(r, 12))
				copy(aad, random(r, len(aad)))
				edges(dst, src, n+16, func(dst, src []byte) {
					plain := random(r, n)
					sealed := want.Seal(nil, iv, plain, aad)
					copy(src, plain)
					if got.Seal(dst[:0], iv, src[:n], aad); !bytes.Equal(dst, sealed) || !bytes.Equal(src[:n], plain) {
						t.Fatalf("%d bytes, %d of additional data: %x, want %x", n, len(aad), dst, sealed)
					}
					if out, err := got.Open(src[:0], iv, dst, aad); err != nil || !bytes.Equal(out, plain) {
						t.Fatalf("%d bytes, %d of additional data: opened to %x, %v", n, len(aad), out, err)
					}
					got.Seal(src[:0], iv, src[:n], aad)
					if out, err := got.Open(src[:0], iv, src, aad); err != nil || !bytes.Equal(out, plain) {
						t.Fatalf("%d bytes, %d of additional data, in place: %x, %v", n, len(aad), out, err)
					}
				})
			}
		}
	})
}

// TestShortGCMWritesNoMore has room behind the output, at all alignments.
func TestShortGCMWritesNoMore(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		p := newPair(t, impl, random(r, 32))
		for _, tagSize := range []int{4, 8, 12, 13, 14, 15, 16} {
			got, err := p.GCM(12, tagSize)
			if err != nil {
				t.Fatal(err)
			}
			_, want := p.sizes(t, 12)
			for i, n := range shortTexts {
				at := placement{i % 64, i * 7 % 64, i%2 == 1}
				iv, plain := random(r, 12), random(r, n)
				sealed := at.run(t, plain, tagSize, func(dst, src []byte) { got.Seal(dst[:0], iv, src, nil) })
				if !bytes.Equal(sealed, want.Seal(nil, iv, plain, nil)[:n+tagSize]) {
					t.Fatalf("%d bytes, tag of %d: differs", n, tagSize)
				}
				opened := at.run(t, sealed, 0, func(dst, src []byte) {
					if _, err := got.Open(dst[:0], iv, src, nil); err != nil {
						t.Fatalf("%d bytes, tag of %d: %v", n, tagSize, err)
					}
				})
				if !bytes.Equal(opened[:n], plain) || !bytes.Equal(opened[n:], sealed[n:]) && at.inPlace {
					t.Fatalf("%d bytes, tag of %d: opened differs", n, tagSize)
				}
			}
		}
	})
}

// TestShortGCMRefuses: every bit of a tag counts, at every size it may have, and a
// message that is refused leaves its output as it was or empty.
func TestShortGCMRefuses(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		p := newPair(t, impl, random(r, 32))
		for _, tagSize := range []int{4, 13, 16} {
			got, err := p.GCM(12, tagSize)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{0, 1, 16, 64, 65, 128, 192, 193, 256, 257} {
				iv := random(r, 12)
				sealed := got.Seal(nil, iv, random(r, n), nil)
				for bit := range 8 * tagSize {
					sealed[n+bit/8] ^= 1 << (bit % 8)
					dst := make([]byte, n)
					if _, err := got.Open(dst[:0], iv, sealed, nil); err == nil || !bytes.Equal(dst, make([]byte, n)) {
						t.Fatalf("%d bytes, tag of %d with bit %d changed: %v, %x", n, tagSize, bit, err, dst)
					}
					sealed[n+bit/8] ^= 1 << (bit % 8)
				}
			}
		}
	})
}
