package slots

import (
	"reflect"
	"sync"
	"testing"

	"golang.org/x/sys/cpu"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// The handle of a shard and the one outside stand for each other, whatever the row.
func TestHandlesOfShards(t *testing.T) {
	seen := map[ck.ObjectHandle]bool{}
	for shard := range objectShards {
		for _, h := range []uint64{1 << 32, 1<<32 | 1, 2<<32 | 77, sequenceMask<<32 | 1<<28 - 1} {
			out := outside(shard, h)
			if back, of := inside(out); back != shard || of != h || out == 0 || seen[out] {
				t.Errorf("%#x in shard %d is %#x, which is %#x in shard %d", h, shard, out, of, back)
			}
			seen[out] = true
		}
	}
	var none objectTable
	for _, h := range []ck.ObjectHandle{0, 1, 1 << 32, ^ck.ObjectHandle(0)} {
		if none.get(h) != nil {
			t.Errorf("%#x is there", h)
		}
	}
}

// Threads that ask for the handles of the same objects get the same, and none of them is
// there twice; nor is one left when they are forgotten.
func TestHandlesForThreads(t *testing.T) {
	a, _, _ := newIdle(t)
	tok := a.places.all()[0].token
	before := len(a.handles(tok))
	var all sync.WaitGroup
	var got [8][500]ck.ObjectHandle
	for i := range got {
		all.Go(func() {
			for n := range got[i] {
				id := api.ObjectID{byte(n), byte(n >> 8), 0xff}
				got[i][n], _ = a.newHandle(tok, id)
				if back, ok := a.object(tok, got[i][n]); !ok || back != id {
					t.Errorf("the handle of %x is that of %x", id, back)
				}
			}
		})
	}
	all.Wait()
	for i := range got {
		if got[i] != got[0] {
			t.Fatal("an object has two handles")
		}
	}
	if n := len(a.handles(tok)); n != before+len(got[0]) {
		t.Errorf("%d handles for %d objects", n, before+len(got[0]))
	}
	for i := range got {
		all.Go(func() {
			for n := range got[i] {
				a.forget(got[i][(n+50*i)%len(got[i])])
			}
		})
	}
	all.Wait()
	if n := len(a.handles(tok)); n != before {
		t.Errorf("%d handles are left, want %d", n, before)
	}
}

// The locks of two shards are in different lines of the cache.
func TestShardsAreApart(t *testing.T) {
	if of := reflect.TypeFor[objectShard](); of.Field(of.NumField()-1).Type != reflect.TypeFor[cpu.CacheLinePad]() {
		t.Error("nothing is between them")
	}
}
