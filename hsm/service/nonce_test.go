package service

import (
	"bytes"
	"math"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// ask makes a nonce as a message of these parameters would; nonce is not changed.
func ask(n *nonces, nonce []byte, generator, fixedBits uint64) ([]byte, error) {
	return n.next(&ck.MessageParams{Nonce: nonce, Generator: generator, FixedBits: fixedBits})
}

func TestNonceCounters(t *testing.T) {
	start := unhex("a0a1a2a3a4a5a6a7a8a9aaab")
	for _, tc := range []struct {
		generator, fixed uint64
		want             []string
	}{
		{ck.CKG_NO_GENERATE, 0, []string{"a0a1a2a3a4a5a6a7a8a9aaab", "a0a1a2a3a4a5a6a7a8a9aaab"}},
		{ck.CKG_GENERATE_COUNTER, 0, []string{"000000000000000000000000", "000000000000000000000001", "000000000000000000000002"}},
		{ck.CKG_GENERATE_COUNTER, 32, []string{"a0a1a2a30000000000000000", "a0a1a2a30000000000000001"}},
		{ck.CKG_GENERATE_COUNTER, 90, []string{"a0a1a2a3a4a5a6a7a8a9aa80", "a0a1a2a3a4a5a6a7a8a9aa81"}},
		{ck.CKG_GENERATE_COUNTER, 96, []string{"a0a1a2a3a4a5a6a7a8a9aaab"}},
		{ck.CKG_GENERATE_COUNTER_XOR, 0, []string{"a0a1a2a3a4a5a6a7a8a9aaab", "a0a1a2a3a4a5a6a7a8a9aaaa", "a0a1a2a3a4a5a6a7a8a9aaa9"}},
		{ck.CKG_GENERATE_COUNTER_XOR, 93, []string{"a0a1a2a3a4a5a6a7a8a9aaab", "a0a1a2a3a4a5a6a7a8a9aaaa", "a0a1a2a3a4a5a6a7a8a9aaa9"}},
	} {
		var n nonces
		for i, want := range tc.want {
			if got, err := ask(&n, start, tc.generator, tc.fixed); err != nil || !bytes.Equal(got, unhex(want)) {
				t.Errorf("generator %d, %d bits fixed, nonce %d: %x, %v; want %s", tc.generator, tc.fixed, i, got, err, want)
			}
		}
	}
}

// TestNonceXORKeepsItsBase: what a caller leaves of the last nonce in the part
// that is made does not lead back to an earlier one.
func TestNonceXORKeepsItsBase(t *testing.T) {
	var n nonces
	seen := map[string]bool{}
	nonce := unhex("a0a1a2a3a4a5a6a7a8a9aaab")
	for range 600 {
		next, err := ask(&n, nonce, ck.CKG_GENERATE_COUNTER_XOR, 64)
		if err != nil || seen[string(next)] {
			t.Fatalf("%x, %v after %d", next, err, len(seen))
		}
		seen[string(next)] = true
		nonce = next
	}
}

// TestNoncesNeverRepeat uses up every nonce of few bits and sees the end.
func TestNoncesNeverRepeat(t *testing.T) {
	for _, tc := range []struct {
		generator, fixed uint64
		size, most       int
	}{
		{ck.CKG_GENERATE_COUNTER, 92, 12, 16},
		{ck.CKG_GENERATE_COUNTER, 86, 12, 1 << 10},
		{ck.CKG_GENERATE_COUNTER_XOR, 92, 12, 16},
		{ck.CKG_GENERATE_COUNTER_XOR, 0, 1, 256},
		{ck.CKG_GENERATE_RANDOM, 64, 12, 1},
		{ck.CKG_GENERATE_RANDOM, 0, 7, 1 << 12},
	} {
		var n nonces
		seen := map[string]bool{}
		start := randomBytes(tc.size)
		for i := range tc.most {
			nonce, err := ask(&n, start, tc.generator, tc.fixed)
			if err != nil || seen[string(nonce)] || !sameStart(nonce, start, tc.fixed) {
				t.Fatalf("%+v, nonce %d: %x, %v", tc, i, nonce, err)
			}
			seen[string(nonce)] = true
		}
		for range 2 {
			if nonce, err := ask(&n, start, tc.generator, tc.fixed); ck.Code(err) != ck.CKR_MECHANISM_PARAM_INVALID {
				t.Errorf("%+v: one more: %x, %v", tc, nonce, err)
			}
		}
	}
}

func sameStart(a, b []byte, bits uint64) bool {
	for i := range bits {
		if (a[i/8]^b[i/8])>>(7-i%8)&1 != 0 {
			return false
		}
	}
	return true
}

// TestNonceGenerate: CKG_GENERATE counts, starts elsewhere each time, and keeps
// what is fixed also where the number wraps around.
func TestNonceGenerate(t *testing.T) {
	start := unhex("a0a1a2a3a4a5a6a7a8a9aaab")
	var n, other nonces
	first, err := ask(&n, start, ck.CKG_GENERATE, 27)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ask(&other, start, ck.CKG_GENERATE, 27); err != nil || bytes.Equal(first, again) {
		t.Errorf("two begin with %x, %v", again, err)
	}
	copy(n.base, bytes.Repeat([]byte{0xff}, 12))
	want := append(bytes.Clone(start[:3]), 0xa0, 0, 0, 0, 0, 0, 0, 0, 0) // -1 + 1 in 69 bits
	if got, err := ask(&n, start, ck.CKG_GENERATE, 27); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v; want %x", got, err, want)
	}
	if n.most != maxByChance {
		t.Errorf("%d nonces", n.most)
	}
	n.count = n.most
	if _, err := ask(&n, start, ck.CKG_GENERATE, 27); ck.Code(err) != ck.CKR_MECHANISM_PARAM_INVALID {
		t.Errorf("after the last: %v", err)
	}
}

func TestNonceRefuses(t *testing.T) {
	start := make([]byte, 12)
	for _, tc := range []struct{ generator, fixed uint64 }{
		{5, 0}, {math.MaxUint64, 0}, {ck.CKG_GENERATE, 97}, {ck.CKG_GENERATE_COUNTER, math.MaxUint64},
		{ck.CKG_GENERATE, 65}, {ck.CKG_GENERATE_RANDOM, 65}, {ck.CKG_GENERATE_RANDOM, 96},
	} {
		if nonce, err := ask(new(nonces), start, tc.generator, tc.fixed); ck.Code(err) != ck.CKR_MECHANISM_PARAM_INVALID {
			t.Errorf("%+v: %x, %v", tc, nonce, err)
		}
	}
}

// TestNonceRuleIsSettled: a counter of another shape could meet the first one's.
func TestNonceRuleIsSettled(t *testing.T) {
	start := make([]byte, 12)
	var n nonces
	if _, err := ask(&n, start, ck.CKG_GENERATE_COUNTER, 32); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		generator, fixed uint64
		size             int
	}{{ck.CKG_GENERATE_COUNTER, 40, 12}, {ck.CKG_GENERATE_COUNTER_XOR, 32, 12}, {ck.CKG_GENERATE_COUNTER, 32, 11}, {ck.CKG_GENERATE_RANDOM, 32, 12}} {
		if _, err := ask(&n, start[:tc.size], tc.generator, tc.fixed); ck.Code(err) != ck.CKR_MECHANISM_PARAM_INVALID {
			t.Errorf("%+v: %v", tc, err)
		}
	}
	if _, err := ask(&n, start, ck.CKG_NO_GENERATE, 0); err != nil {
		t.Errorf("the caller's own: %v", err)
	}
	if got, err := ask(&n, start, ck.CKG_GENERATE_COUNTER, 32); err != nil || got[11] != 1 {
		t.Errorf("the next: %x, %v", got, err)
	}
}
