package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

var cheap = KDF{Time: 1, Memory: 8, Threads: 1}

func TestPIN(t *testing.T) {
	r, p := newPartition(t)
	k := newKey(t)
	pin := []byte("1234")
	blob, err := p.WrapPIN(1, pin, cheap, k)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.UnwrapPIN(1, pin, blob)
	if err != nil || !bytes.Equal(got.key.Expose(), k.key.Expose()) {
		t.Fatal("another key comes back", err)
	}
	if string(pin) != "1234" {
		t.Error("the caller's PIN was changed")
	}
	again, _ := p.WrapPIN(1, pin, cheap, k)
	if bytes.Equal(again[:28], blob[:28]) {
		t.Error("one salt twice")
	}
	_, stranger := newPartition(t)
	for what, open := range map[string]func() (*Key, error){
		"PIN":       func() (*Key, error) { return p.UnwrapPIN(1, []byte("1235"), blob) },
		"no PIN":    func() (*Key, error) { return p.UnwrapPIN(1, nil, blob) },
		"role":      func() (*Key, error) { return p.UnwrapPIN(0, pin, blob) },
		"partition": func() (*Key, error) { return r.Partition([16]byte{9}).UnwrapPIN(1, pin, blob) },
		"root":      func() (*Key, error) { return stranger.UnwrapPIN(1, pin, blob) },
	} {
		if _, err := open(); err != ErrWrongPIN {
			t.Errorf("another %s: %v", what, err)
		}
	}
}

// A decoy has the form of a real blob, down to its parameters, and never opens.
func TestDecoyPIN(t *testing.T) {
	_, p := newPartition(t)
	real, _ := p.WrapPIN(1, []byte("1234"), cheap, newKey(t))
	decoy, err := DecoyPIN(real)
	if err != nil || len(decoy) != len(real) || !bytes.Equal(decoy[:pinFixed], real[:pinFixed]) {
		t.Fatalf("%x beside %x: %v", decoy, real, err)
	}
	if _, _, _, ok := parsePIN(decoy); !ok {
		t.Error("no work is done over it")
	}
	if _, err := p.UnwrapPIN(1, []byte("1234"), decoy); err != ErrWrongPIN {
		t.Errorf("it opens: %v", err)
	}
	if again, _ := DecoyPIN(real); bytes.Equal(again, decoy) {
		t.Error("two are the same")
	}
	if _, err := DecoyPIN(real[1:]); !errors.Is(err, ErrKDF) {
		t.Errorf("like no blob: %v", err)
	}
}

// Every changed byte gives the one error. Bytes of the parameters are changed to
// values within the bounds too, so that the seal itself is seen to bind them.
func TestPINTampered(t *testing.T) {
	_, p := newPartition(t)
	blob, _ := p.WrapPIN(1, []byte("1234"), cheap, newKey(t))
	tampered(blob, func(changed []byte) {
		if len(changed) > 10 && (changed[2] != 0 || changed[3] != 0 || changed[6] != 0 || changed[7] != 0) {
			return // within bounds, but seconds of work
		}
		if _, err := p.UnwrapPIN(1, []byte("1234"), changed); err != ErrWrongPIN {
			t.Fatalf("%x opens: %v", changed, err)
		}
	})
}

// What a blob asks for is refused before it is done.
func TestHostileParameters(t *testing.T) {
	_, p := newPartition(t)
	good, _ := p.WrapPIN(1, []byte("1234"), cheap, newKey(t))
	start := time.Now()
	for _, d := range []KDF{
		{0, 64, 1, 0}, {1, 64, 0, 0}, {1, 7, 1, 0}, {1, 64, 9, 0}, {65, 64, 1, 0}, {1 << 31, 64, 1, 0},
		{1, 1<<20 + 1, 1, 0}, {1, 1<<32 - 1, 1, 0}, {64, 1 << 20, 1, 0}, {5, 1 << 20, 1, 0}, {1, 64, 17, 0}, {1, 1 << 11, 255, 0},
	} {
		if d.ok() {
			t.Errorf("%+v is taken", d)
		}
		if _, err := p.WrapPIN(1, nil, d, newKey(t)); !errors.Is(err, ErrKDF) {
			t.Errorf("%+v: %v", d, err)
		}
		blob := bytes.Clone(good)
		binary.BigEndian.PutUint32(blob[2:], d.Time)
		binary.BigEndian.PutUint32(blob[6:], d.Memory)
		blob[10] = d.Threads
		if _, err := p.UnwrapPIN(1, []byte("1234"), blob); err != ErrWrongPIN {
			t.Errorf("%+v: %v", d, err)
		}
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("refusing took %v", took)
	}
}

// TestApprovedPIN: a PIN under PBKDF2 opens as one under Argon2id does, and what its blob
// asks for is held to bounds as well.
func TestApprovedPIN(t *testing.T) {
	_, p := newPartition(t)
	k := newKey(t)
	blob, err := p.WrapPIN(1, []byte("1234"), ApprovedKDF(), k)
	if err != nil {
		t.Fatal(err)
	}
	if h, head, _, ok := parsePIN(blob); !ok || h.kdf != ApprovedKDF() || head[1] != pbkdf2SHA512 {
		t.Fatalf("%x", head)
	}
	if got, err := p.UnwrapPIN(1, []byte("1234"), blob); err != nil || !bytes.Equal(got.key.Expose(), k.key.Expose()) {
		t.Error("another key comes back", err)
	}
	for _, pin := range []string{"1235", "", "12345"} {
		if _, err := p.UnwrapPIN(1, []byte(pin), blob); err != ErrWrongPIN {
			t.Errorf("%q: %v", pin, err)
		}
	}
	for i := range pinFixed { // to another algorithm, more or fewer rounds, or zeros that are none
		changed := bytes.Clone(blob)
		changed[i] ^= 0x80
		if _, err := p.UnwrapPIN(1, []byte("1234"), changed); err != ErrWrongPIN {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	for _, rounds := range []uint32{0, 1, MinRounds - 1, maxPINRounds + 1, 1<<32 - 1} {
		changed := bytes.Clone(blob)
		binary.BigEndian.PutUint32(changed[2:], rounds)
		if _, _, _, ok := parsePIN(changed); ok {
			t.Errorf("%d rounds are taken", rounds)
		}
	}
	for _, d := range []KDF{{Rounds: 1}, {Rounds: maxPINRounds + 1}, {1, 64, 1, MinRounds}} {
		if _, err := p.WrapPIN(1, nil, d, k); !errors.Is(err, ErrKDF) {
			t.Errorf("%+v: %v", d, err)
		}
	}
	if decoy, err := DecoyPIN(blob); err != nil || !bytes.Equal(decoy[:pinFixed], blob[:pinFixed]) {
		t.Error(err)
	}
	if got := ApprovedKDF().InMode(); got != ApprovedKDF() {
		t.Errorf("%+v", got)
	}
}

// The default costs an attacker real time and memory, and leaves none of it
// behind in the host.
func TestDefaultKDF(t *testing.T) {
	_, p := newPartition(t)
	d := DefaultKDF()
	if !d.ok() || d.Memory > 64<<10 || d.Memory < 19<<10 {
		t.Fatalf("%+v", d)
	}
	debug.FreeOSMemory()
	before := held()
	start := time.Now()
	blob, err := p.WrapPIN(1, []byte("1234"), d, newKey(t))
	took := time.Since(start)
	if err != nil {
		t.Fatal(err)
	}
	if h, _, _, ok := parsePIN(blob); !ok || h.kdf != d {
		t.Errorf("the blob says %+v", h.kdf)
	}
	if took < 10*time.Millisecond {
		t.Errorf("a guess costs %v only", took)
	}
	if left := held() - before; left > 16<<10 {
		t.Errorf("%d KiB stay in memory", left)
	}
}

// held is how many KiB the Go heap has of the system's memory.
func held() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapSys-m.HeapReleased) >> 10
}

func FuzzParsePIN(f *testing.F) {
	_, p := newPartition(f)
	blob, _ := p.WrapPIN(1, []byte("1234"), cheap, newKey(f))
	f.Add(blob)
	f.Add([]byte{1, 1})
	approved, _ := p.WrapPIN(1, []byte("1234"), ApprovedKDF(), newKey(f))
	f.Add(approved)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, head, sealed, ok := parsePIN(b)
		if !ok {
			return
		}
		if !bytes.Equal(h.append(nil), head) || !bytes.Equal(append(bytes.Clone(head), sealed...), b) {
			t.Fatal("a blob is read that would not be written")
		}
	})
}

func BenchmarkDefaultKDF(b *testing.B) {
	_, p := newPartition(b)
	blob, _ := p.WrapPIN(1, []byte("1234"), DefaultKDF(), newKey(b))
	for b.Loop() {
		p.UnwrapPIN(1, []byte("1234"), blob)
	}
}
