package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/cpu"
)

func TestLengths(t *testing.T) {
	for _, n := range []int{0, 1, 31, 32, 33, 64, 1000, 2048, 4096, 4097, 9000, 1 << 20} {
		s := New(n)
		if s.Len() != n || len(s.Expose()) != n || cap(s.Expose()) != n {
			t.Fatalf("New(%d): Len %d, len %d, cap %d", n, s.Len(), len(s.Expose()), cap(s.Expose()))
		}
		if !bytes.Equal(s.Expose(), make([]byte, n)) {
			t.Fatalf("New(%d) is not zero", n)
		}
		for i := range s.Expose() {
			s.Expose()[i] = 0xA5
		}
		s.Zero()
		if s.Len() != 0 || s.Expose() != nil {
			t.Fatalf("after Zero: Len %d", s.Len())
		}
		s.Zero()
	}
}

func TestFromWipesItsSource(t *testing.T) {
	src := []byte("a PIN that was typed")
	s := From(src)
	if string(s.Expose()) != "a PIN that was typed" || !bytes.Equal(src, make([]byte, len(src))) {
		t.Fatalf("secret %q, source %q", s.Expose(), src)
	}
	c := s.Clone()
	s.Zero()
	if string(c.Expose()) != "a PIN that was typed" {
		t.Fatalf("the clone went with the original: %q", c.Expose())
	}
	c.Zero()
}

func TestNil(t *testing.T) {
	var s *Bytes
	s.Zero()
	if s.Len() != 0 || s.Expose() != nil || s.Clone().Len() != 0 {
		t.Fatal("a nil secret is not empty")
	}
}

// Memory is wiped before anybody else gets it, in every class and above.
func TestWipedOnZero(t *testing.T) {
	for _, n := range []int{32, 100, 4096} {
		s := New(n)
		mem := s.Expose()
		for i := range mem {
			mem[i] = 1
		}
		s.Zero()
		if !bytes.Equal(mem, make([]byte, n)) {
			t.Fatalf("%d bytes: not wiped", n)
		}
	}
}

// What was given back first is handed out first: memory rests before it is used
// again.
func TestFirstInFirstOut(t *testing.T) {
	q := new(queue)
	given := make([]block, 4)
	for i := range given {
		q.put(&given[i])
	}
	for i := range given {
		if q.get() != &given[i] {
			t.Fatalf("block %d came out of turn", i)
		}
	}
	if q.get() != nil || q.tryGet() != nil {
		t.Fatal("one block handed out twice")
	}
	q.put(&given[2])
	if q.tryGet() != &given[2] {
		t.Fatal("a block that was given back is lost")
	}
}

// A class takes another page only when every block is taken, and memory that one secret
// gives back rests while others come and go.
func TestClassUsesAllOfAPage(t *testing.T) {
	c := class{size: 64}
	seen := map[*block]bool{}
	const inPage = pageSize / 64
	var taken [inPage]*block
	for range 3 {
		for i := range taken {
			taken[i] = c.get()
			seen[taken[i]] = true
		}
		for _, b := range taken {
			b.home.put(b)
		}
	}
	if len(seen) != inPage {
		t.Errorf("%d blocks of %d in one page", len(seen), inPage)
	}
	b := c.get()
	b.home.put(b)
	for range inPage/len(c.queues) - 1 {
		if b.home.get() == b {
			t.Fatal("a block was handed out before those that had rested longer")
		}
	}
}

// Threads that find every queue busy or empty share the next page.
func TestClassGrowsOnceForThreads(t *testing.T) {
	c := class{size: 1024}
	var all sync.WaitGroup
	var got [16]*block
	for i := range got {
		all.Go(func() { got[i] = c.get() })
	}
	all.Wait()
	seen := map[*block]bool{}
	for _, b := range got {
		if b == nil || seen[b] {
			t.Fatal("one block handed out twice")
		}
		seen[b] = true
	}
	if c.find((*queue).get) != nil {
		t.Error("a page more than four was taken for sixteen blocks of a quarter each")
	}
}

func TestNeverPrinted(t *testing.T) {
	s := From([]byte("hunter2!"))
	defer s.Zero()
	type holder struct{ Pin *Bytes }
	text, err := json.Marshal(holder{s})
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{
		string(text), fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %x %q %d", s, s, s, s, s, s, s),
		fmt.Sprintf("%v %+v", holder{s}, &holder{s}),
	} {
		if strings.Contains(out, "hunter2") || strings.Contains(out, "68756e746572") || strings.Contains(out, "104 117") {
			t.Errorf("printed: %s", out)
		}
	}
	if string(text) != `{"Pin":"[secret]"}` {
		t.Errorf("JSON %s", text)
	}
}

// Two Zeros at once must not give one block to two secrets.
func TestManyThreads(t *testing.T) {
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 3000 {
				s := New(1 + (i*7)%300)
				for j := range s.Expose() {
					s.Expose()[j] = byte(g)
				}
				runtime.Gosched()
				for _, b := range s.Expose() {
					if b != byte(g) {
						t.Errorf("a secret of thread %d holds %d", g, b)
						return
					}
				}
				var twice sync.WaitGroup
				twice.Go(s.Zero)
				twice.Go(s.Zero)
				twice.Wait()
			}
		})
	}
	wg.Wait()
}

// A secret that its owner forgot is wiped and its memory used again.
func TestSafetyNet(t *testing.T) {
	var mem []byte
	func() {
		s := New(77)
		mem = s.Expose()
		mem[0] = 1
	}()
	for range 200 {
		runtime.GC()
		if mem[0] == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("a forgotten secret was not wiped")
}

func TestHundredThousand(t *testing.T) {
	start := time.Now()
	all := make([]*Bytes, 100_000)
	for i := range all {
		all[i] = New(32)
		all[i].Expose()[0] = byte(i)
	}
	for i, s := range all {
		if s.Expose()[0] != byte(i) {
			t.Fatalf("secret %d was overwritten", i)
		}
		s.Zero()
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("100,000 secrets took %v", d)
	}
}

func BenchmarkNewZero(b *testing.B) {
	for b.Loop() {
		New(32).Zero()
	}
}

// A secret without the net is wiped by Zero, and once it is abandoned, when nobody
// refers to it any more.
func TestOwned(t *testing.T) {
	s := Owned(40)
	mem := s.Expose()
	mem[0] = 1
	if s.Zero(); mem[0] != 0 || s.Len() != 0 {
		t.Error("not wiped")
	}
	s.Abandon()
	func() {
		s := Owned(77)
		mem = s.Expose()
		mem[0] = 1
		s.Abandon()
		s.Abandon()
		if mem[0] != 1 || s.Len() != 77 {
			t.Error("abandoned and wiped at once")
		}
	}()
	for range 200 {
		if runtime.GC(); mem[0] == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("an abandoned secret was not wiped")
}

// The locks of two queues are in different lines of the cache.
func TestQueuesAreApart(t *testing.T) {
	if of := reflect.TypeFor[queue](); of.Field(of.NumField()-1).Type != reflect.TypeFor[cpu.CacheLinePad]() {
		t.Error("nothing is between them")
	}
}
