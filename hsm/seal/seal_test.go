package seal

import (
	"bytes"
	"errors"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

func newPartition(t testing.TB) (*Root, *PartitionRoot) {
	t.Helper()
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRoot(k.key)
	if err != nil {
		t.Fatal(err)
	}
	return r, r.Partition([16]byte{1})
}

func newKey(t testing.TB) *Key {
	t.Helper()
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var here = Place{[16]byte{1}, [16]byte{2}, 3, 4}

func TestSealOpen(t *testing.T) {
	k := newKey(t)
	for _, n := range []int{0, 1, 31, 5000} {
		plain := bytes.Repeat([]byte{9}, n)
		sealed, err := k.Seal(here, plain)
		if err != nil || len(sealed) != n+Overhead {
			t.Fatal(len(sealed), err)
		}
		again, _ := k.Seal(here, plain)
		if bytes.Equal(sealed, again) {
			t.Fatal("sealed twice, the same")
		}
		s, err := k.Open(here, sealed)
		b, err2 := k.OpenBytes(here, sealed)
		if err != nil || err2 != nil || !bytes.Equal(s.Expose(), plain) || !bytes.Equal(b, plain) {
			t.Fatalf("%d bytes: %v, %v", n, err, err2)
		}
	}
}

// A value opens in its place, under its key, and nowhere else.
func TestElsewhere(t *testing.T) {
	k := newKey(t)
	sealed, _ := k.Seal(here, []byte("value"))
	for what, at := range map[string]Place{
		"partition":  {[16]byte{2}, [16]byte{2}, 3, 4},
		"record":     {[16]byte{1}, [16]byte{3}, 3, 4},
		"generation": {[16]byte{1}, [16]byte{2}, 4, 4},
		"part":       {[16]byte{1}, [16]byte{2}, 3, 5},
	} {
		if _, err := k.Open(at, sealed); err != ErrSealBroken {
			t.Errorf("another %s: %v", what, err)
		}
		if _, err := k.OpenBytes(at, sealed); err != ErrSealBroken {
			t.Errorf("another %s: %v", what, err)
		}
	}
	if _, err := newKey(t).Open(here, sealed); err != ErrSealBroken {
		t.Errorf("another key: %v", err)
	}
}

// tampered calls f with every way of changing one byte of blob, and with every
// shorter and one longer blob.
func tampered(blob []byte, f func(changed []byte)) {
	for i := range blob {
		changed := bytes.Clone(blob)
		changed[i] ^= 1 << (i % 8)
		f(changed)
		f(blob[:i])
	}
	f(append(bytes.Clone(blob), 0))
}

func TestTampered(t *testing.T) {
	_, p := newPartition(t)
	k := newKey(t)
	sealed, _ := k.Seal(here, []byte("a value of some length"))
	wrapped, _ := p.WrapKey(k, "purpose")
	state, _ := p.SealState("label", 5, []byte("state"))
	for what, c := range map[string]struct {
		blob []byte
		open func([]byte) error
	}{
		"record":  {sealed, func(b []byte) error { _, err := k.Open(here, b); return err }},
		"bytes":   {sealed, func(b []byte) error { _, err := k.OpenBytes(here, b); return err }},
		"wrapped": {wrapped, func(b []byte) error { _, err := p.UnwrapKey(b, "purpose"); return err }},
		"state":   {state, func(b []byte) error { _, err := p.OpenState("label", 5, b); return err }},
	} {
		if err := c.open(c.blob); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		tampered(c.blob, func(changed []byte) {
			if err := c.open(changed); err != ErrSealBroken {
				t.Fatalf("%s: %x opens: %v", what, changed, err)
			}
		})
	}
}

func TestWrapKey(t *testing.T) {
	r, p := newPartition(t)
	k := newKey(t)
	blob, err := p.WrapKey(k, "public objects")
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.UnwrapKey(blob, "public objects")
	if err != nil || !bytes.Equal(got.key.Expose(), k.key.Expose()) {
		t.Fatal("another key comes back", err)
	}
	_, stranger := newPartition(t)
	for what, open := range map[string]func() (*Key, error){
		"purpose":   func() (*Key, error) { return p.UnwrapKey(blob, "other") },
		"partition": func() (*Key, error) { return r.Partition([16]byte{2}).UnwrapKey(blob, "public objects") },
		"root":      func() (*Key, error) { return stranger.UnwrapKey(blob, "public objects") },
	} {
		if _, err := open(); err != ErrSealBroken {
			t.Errorf("another %s: %v", what, err)
		}
	}
}

func TestKeyUnderKey(t *testing.T) {
	over, k, id := newKey(t), newKey(t), [16]byte{1}
	blob, err := over.WrapKey(id, k, "private 2")
	if err != nil {
		t.Fatal(err)
	}
	got, err := over.UnwrapKey(id, blob, "private 2")
	if err != nil || !bytes.Equal(got.key.Expose(), k.key.Expose()) {
		t.Fatal("another key comes back", err)
	}
	for what, open := range map[string]func() (*Key, error){
		"purpose":   func() (*Key, error) { return over.UnwrapKey(id, blob, "private 3") },
		"partition": func() (*Key, error) { return over.UnwrapKey([16]byte{2}, blob, "private 2") },
		"key":       func() (*Key, error) { return k.UnwrapKey(id, blob, "private 2") },
	} {
		if _, err := open(); err != ErrSealBroken {
			t.Errorf("another %s: %v", what, err)
		}
	}
	tampered(blob, func(changed []byte) {
		if _, err := over.UnwrapKey(id, changed, "private 2"); err != ErrSealBroken {
			t.Fatalf("%x opens: %v", changed, err)
		}
	})
	over.Zero()
	if _, err := over.WrapKey(id, k, "x"); err != ErrWiped {
		t.Errorf("a wiped key: %v", err)
	}
}

func TestStateIsBound(t *testing.T) {
	_, p := newPartition(t)
	blob, _ := p.SealState("label", 5, []byte("state"))
	if _, err := p.OpenState("label", 6, blob); err != ErrSealBroken {
		t.Errorf("another generation: %v", err)
	}
	if _, err := p.OpenState("lebal", 5, blob); err != ErrSealBroken {
		t.Errorf("another label: %v", err)
	}
}

// Two lists of values that run together to the same bytes have two MACs.
func TestMACParts(t *testing.T) {
	_, p := newPartition(t)
	seen := map[[32]byte]int{}
	for i, c := range [][][]byte{{}, {nil}, {[]byte("ab")}, {[]byte("a"), []byte("b")}, {[]byte("ab"), nil}} {
		tag := p.MAC("label", c...)
		if j, dup := seen[tag]; dup {
			t.Errorf("lists %d and %d have one MAC", i, j)
		}
		seen[tag] = i
	}
	if p.MAC("x") == p.MAC("y") {
		t.Error("two labels have one MAC")
	}
}

// The digest is a sum modulo 2^256, whatever the order.
func TestSetDigest(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var d SetDigest
	sum, mod := new(big.Int), new(big.Int).Lsh(big.NewInt(1), 256)
	var tags [][32]byte
	for range 500 {
		var tag [32]byte
		for i := range tag {
			tag[i] = byte(random.Uint32()) | byte(random.Uint32()) // many ones: many carries
		}
		tags = append(tags, tag)
		d.Add(tag)
		sum.Mod(sum.Add(sum, new(big.Int).SetBytes(tag[:])), mod)
		if sum.Cmp(new(big.Int).SetBytes(d[:])) != 0 {
			t.Fatalf("%x, want %x", d, sum)
		}
	}
	random.Shuffle(len(tags), func(i, j int) { tags[i], tags[j] = tags[j], tags[i] })
	for _, tag := range tags {
		d.Remove(tag)
	}
	if d != (SetDigest{}) {
		t.Fatalf("%x is left", d)
	}
}

func TestRootLength(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := NewRoot(secret.New(n)); !errors.Is(err, ErrKeyLength) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// After Zero nothing works, nothing opens, and the bytes are gone.
func TestWiped(t *testing.T) {
	r, p := newPartition(t)
	k := newKey(t)
	sealed, _ := k.Seal(here, []byte("v"))
	blob, _ := p.WrapKey(k, "x")
	mac, tag := p.MAC("l"), p.RecordTag([16]byte{}, nil)
	mem := k.key.Expose()
	k.Zero()
	if !bytes.Equal(mem, make([]byte, KeySize)) {
		t.Error("the key is still in memory")
	}
	p.Zero()
	r.Zero()
	after := r.Partition([16]byte{1})
	for what, err := range map[string]error{
		"Seal":      second(k.Seal(here, nil)),
		"Open":      second(k.Open(here, sealed)),
		"WrapKey":   second(p.WrapKey(newKey(t), "x")),
		"wiped key": second(after.WrapKey(k, "x")),
		"UnwrapKey": second(p.UnwrapKey(blob, "x")),
		"WrapPIN":   second(p.WrapPIN(0, nil, cheap, newKey(t))),
		"SealState": second(after.SealState("x", 0, nil)),
		"wiped PIN": second(p.WrapPIN(0, nil, cheap, k)),
		"name":      second(r.Fingerprint()),
	} {
		if err == nil {
			t.Errorf("%s works after Zero", what)
		}
	}
	if p.MAC("l") == mac || p.MAC("l") == p.MAC("l") || p.RecordTag([16]byte{}, nil) == tag {
		t.Error("tags come after Zero")
	}
}

func second[T any](_ T, err error) error { return err }

func BenchmarkOpen(b *testing.B) {
	k, _ := NewKey()
	sealed, _ := k.Seal(here, make([]byte, 1500))
	for b.Loop() {
		k.OpenBytes(here, sealed)
	}
}

func BenchmarkRecordTag(b *testing.B) {
	_, p := newPartition(b)
	record := make([]byte, 1500)
	for b.Loop() {
		p.RecordTag([16]byte{}, record)
	}
}
