package aes

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/crypto/xts"
)

// newUnit starts a data unit with an implementation.
func newUnit(t testing.TB, impl implementation, key []byte, number *[16]byte, decrypt bool) Unit {
	t.Helper()
	x := &XTS{newPair(t, impl, key[:len(key)/2]).Key, newPair(t, impl, key[len(key)/2:]).modes}
	return x.Unit(number, decrypt)
}

// sealUnit is a whole data unit by an implementation, checked by the way back.
func sealUnit(t testing.TB, impl implementation, key, number, plain []byte) []byte {
	t.Helper()
	sealed, back := make([]byte, len(plain)), make([]byte, len(plain))
	u := newUnit(t, impl, key, (*[16]byte)(number), false)
	u.Last(sealed, plain)
	u = newUnit(t, impl, key, (*[16]byte)(number), true)
	if u.Last(back, sealed); !bytes.Equal(back, plain) {
		t.Errorf("%d bytes do not come back", len(plain))
	}
	return sealed
}

// slowXTS is encryption block by block, by the letters of IEEE 1619 section 5.3.
func slowXTS(key, number, plain []byte) []byte {
	data, _ := aes.NewCipher(key[:len(key)/2])
	second, _ := aes.NewCipher(key[len(key)/2:])
	var tweak [16]byte
	second.Encrypt(tweak[:], number)
	out := bytes.Clone(plain)
	one := func(block []byte) {
		for i := range block {
			block[i] ^= tweak[i]
		}
		data.Encrypt(block, block)
		carry := byte(0)
		for i := range block {
			block[i] ^= tweak[i]
			tweak[i], carry = tweak[i]<<1|carry, tweak[i]>>7
		}
		tweak[0] ^= carry * 0x87
	}
	m := len(plain) / 16
	for i := range m {
		one(out[16*i : 16*i+16])
	}
	if part := len(plain) % 16; part != 0 {
		end := out[16*m-16:]
		for i := range part {
			end[i], end[16+i] = end[16+i], end[i]
		}
		one(end[:16])
	}
	return out
}

func TestXTS(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		for i, size := range []int{32, 64} {
			key, number := random(r, size), [16]byte(random(r, 16))
			everyLength(t, 1+2*i, func(t *testing.T, n int, at placement) {
				if n < 16 {
					return
				}
				plain := random(r, n)
				want := slowXTS(key, number[:], plain)
				seal, open := newUnit(t, impl, key, &number, false), newUnit(t, impl, key, &number, true)
				if got := at.run(t, plain, 0, seal.Last); !bytes.Equal(got, want) {
					t.Errorf("AES-%d: encrypted differs", 4*size)
				}
				if got := at.run(t, want, 0, open.Last); !bytes.Equal(got, plain) {
					t.Errorf("AES-%d: decrypted differs", 4*size)
				}
			})
		}
	})
}

// TestXTSInParts has units that are cut at blocks, and one longer than what the
// assembly is given at a time.
func TestXTSInParts(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		for _, n := range []int{16, 17, 32, 47, 1000, 4096, 70000, 3*(64<<10) + 1024 + 31} {
			key, number, plain := random(r, 64), [16]byte(random(r, 16)), random(r, n)
			want := slowXTS(key, number[:], plain)
			for _, decrypt := range []bool{false, true} {
				u := newUnit(t, impl, key, &number, decrypt)
				rest, expected := bytes.Clone(plain), want
				if decrypt {
					rest, expected = bytes.Clone(want), plain
				}
				all := rest
				for {
					cut := 16 * r.IntN(200)
					if cut > len(rest)-32 {
						break
					}
					u.Blocks(rest[:cut], rest[:cut])
					rest = rest[cut:]
				}
				if u.Last(rest, rest); !bytes.Equal(all, expected) {
					t.Errorf("%d bytes in parts, decrypting %t: differs", n, decrypt)
				}
			}
		}
	})
}

// TestXTSAgainstXCrypto: golang.org/x/crypto has XTS of whole blocks, in units whose
// numbers fit into 64 bits.
func TestXTSAgainstXCrypto(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		for range 50 {
			key, unit, plain := random(r, 32+32*r.IntN(2)), r.Uint64(), random(r, 16+16*r.IntN(300))
			other, err := xts.NewCipher(aes.NewCipher, key)
			if err != nil {
				t.Fatal(err)
			}
			want := make([]byte, len(plain))
			other.Encrypt(want, plain, unit)
			number := binary.LittleEndian.AppendUint64(nil, unit)
			if got := sealUnit(t, impl, key, append(number, make([]byte, 8)...), plain); !bytes.Equal(got, want) {
				t.Errorf("%d bytes: differs", len(plain))
			}
		}
	})
}

// opensslXTS encrypts lines of key, number and plaintext with the OpenSSL that Python's
// cryptography is made of.
const opensslXTS = `
import sys
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
for line in sys.stdin:
    key, number, plain = map(bytes.fromhex, line.split())
    e = Cipher(algorithms.AES(key), modes.XTS(number)).encryptor()
    print((e.update(plain) + e.finalize()).hex())
`

func TestXTSAgainstOpenSSL(t *testing.T) {
	r := newRand()
	type unit struct{ key, number, plain []byte }
	var units []unit
	var lines strings.Builder
	for n := 16; n < 700; n++ {
		u := unit{random(r, 32+32*(n/16%2)), random(r, 16), random(r, n)}
		units = append(units, u)
		fmt.Fprintf(&lines, "%x %x %x\n", u.key, u.number, u.plain)
	}
	cmd := exec.Command("python3", "-c", opensslXTS)
	cmd.Stdin = strings.NewReader(lines.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers := strings.Fields(string(out))
	if len(answers) != len(units) {
		t.Fatalf("%d answers for %d", len(answers), len(units))
	}
	forEach(t, func(t *testing.T, impl implementation) {
		for i, u := range units {
			if fmt.Sprintf("%x", sealUnit(t, impl, u.key, u.number, u.plain)) != answers[i] {
				t.Errorf("%d bytes: differs", len(u.plain))
			}
		}
	})
}

func TestWycheproofXTS(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		forEachVector(t, "aes_xts_test.json", func(v *vector, _ int) {
			if len(v.Key) == 48 { // which IEEE 1619 does not have
				return
			}
			number := append(bytes.Clone(v.IV), make([]byte, 16-len(v.IV))...)
			if got := sealUnit(t, impl, v.Key, number, v.Msg); bytes.Equal(got, v.Ct) != (v.Result == "valid") {
				t.Errorf("case %d: not %s", v.TcID, v.Result)
			}
		})
	})
}

func TestNewXTS(t *testing.T) {
	for n := range 80 {
		key := make([]byte, n)
		if n > 0 {
			key[n-1] = 1
		}
		x, err := NewXTS(key)
		if ok := n == 32 || n == 64; ok != (err == nil) || ok != (x != nil) {
			t.Errorf("key of %d bytes: %v", n, err)
		}
	}
	for _, n := range []int{32, 64} {
		if _, err := NewXTS(make([]byte, n)); err != ErrHalves {
			t.Errorf("equal halves of %d bytes: %v", n, err)
		}
	}
}

func TestXTSMisuse(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		b := make([]byte, 64)
		u := newUnit(t, impl, random(newRand(), 32), new([16]byte), false)
		for name, f := range map[string]func(){
			"a part of a block, alone": func() { u.Last(b, b[:15]) },
			"a part among blocks":      func() { u.Blocks(b, b[:17]) },
			"too short an output":      func() { u.Last(b[:16], b[:17]) },
			"another place":            func() { u.Last(b[1:], b[:20]) },
		} {
			if !panics(f) {
				t.Errorf("%s: no panic", name)
			}
		}
	})
}

// TestXTSAllocations: a data unit takes no memory, but for the tweak where the standard
// library encrypts it.
func TestXTSAllocations(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		most := 0.0
		if impl.name == "portable" {
			most = 1
		}
		buf, number := make([]byte, 1000), [16]byte{1}
		key := random(newRand(), 64)
		for _, n := range []int{16, 31, 960, 1000} {
			for _, decrypt := range []bool{false, true} {
				start := newUnit(t, impl, key, &number, decrypt)
				got := testing.AllocsPerRun(50, func() {
					u := start.key.Unit(&number, decrypt)
					u.Last(buf[:n], buf[:n])
				})
				if got > most {
					t.Errorf("%d bytes: %v allocations", n, got)
				}
			}
		}
	})
}

// TestXTSZero: both keys are wiped.
func TestXTSZero(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		if impl.name == "portable" {
			return // there is nothing of it that can be reached
		}
		var number [16]byte
		key := random(newRand(), 64)
		u := newUnit(t, impl, key, &number, false)
		u.key.Zero()
		for what, m := range map[string]modes{"data": u.key.modes, "tweak": u.key.tweak} {
			whole := newPair(t, impl, key[:32]).modes
			if what == "tweak" {
				whole = newPair(t, impl, key[32:]).modes
			}
			if m.encryptBlock(number) == whole.encryptBlock(number) {
				t.Errorf("the key of the %s is still there", what)
			}
		}
	})
}
