package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// both runs one test over each kind of Store.
func both(t *testing.T, f func(t *testing.T, s Store)) {
	t.Run("memory", func(t *testing.T) { f(t, NewMemory()) })
	t.Run("file", func(t *testing.T) { f(t, create(t, Options{})) })
}

func create(t *testing.T, o Options) Store {
	t.Helper()
	s, err := CreateFile(filepath.Join(t.TempDir(), "store"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func id(n int) ID { return ID{0: byte(n >> 8), 1: byte(n), 15: 7} }

func update(t *testing.T, s Store, f func(Tx) error) {
	t.Helper()
	if err := s.Update(f); err != nil {
		t.Fatal(err)
	}
}

func put(n int, value string) func(Tx) error {
	return func(x Tx) error { return x.Put(id(n), []byte(value)) }
}

// metas is all named values, which come in order.
func metas(t *testing.T, s Store) map[string]string {
	t.Helper()
	all, last := map[string]string{}, ""
	err := s.View(func(x Tx) error {
		for name, value := range x.Metas() {
			if name <= last {
				t.Errorf("%q after %q", name, last)
			}
			all[name], last = string(value), name
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// content is everything a Store holds.
func content(t *testing.T, s Store) (all map[ID]string, generation uint64) {
	t.Helper()
	all = map[ID]string{}
	err := s.View(func(x Tx) error {
		generation = x.Generation()
		for id, r := range x.All() {
			all[id] = string(r)
		}
		if x.Len() != len(all) {
			t.Errorf("Len is %d of %d records", x.Len(), len(all))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, generation
}

func TestPutGetDelete(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		update(t, s, func(x Tx) error {
			return errors.Join(x.Put(id(1), []byte("one")), x.Put(id(2), nil), x.Put(id(3), []byte("three")), x.Delete(id(3)), x.Delete(id(4)))
		})
		update(t, s, put(1, "uno"))
		all, generation := content(t, s)
		if want := map[ID]string{id(1): "uno", id(2): ""}; !maps.Equal(all, want) || generation != 2 {
			t.Fatalf("generation %d: %v", generation, all)
		}
		s.View(func(x Tx) error {
			if r, ok := x.Get(id(2)); !ok || len(r) != 0 {
				t.Error("an empty record is not there")
			}
			if _, ok := x.Get(id(3)); ok {
				t.Error("a deleted record is there")
			}
			return nil
		})
	})
}

func TestMeta(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		update(t, s, func(x Tx) error { return errors.Join(x.PutMeta("a", []byte("1")), x.PutMeta("empty", nil)) })
		s.View(func(x Tx) error {
			if v, ok := x.Meta("a"); !ok || string(v) != "1" {
				t.Errorf("a is %q, %v", v, ok)
			}
			if v, ok := x.Meta("empty"); !ok || len(v) != 0 {
				t.Errorf("empty is %q, %v", v, ok)
			}
			if _, ok := x.Meta("b"); ok {
				t.Error("b is there")
			}
			return nil
		})
		if all := metas(t, s); !maps.Equal(all, map[string]string{"a": "1", "empty": ""}) {
			t.Errorf("all of them: %v", all)
		}
		update(t, s, func(x Tx) error {
			return errors.Join(x.PutMeta("b", []byte("2")), x.DeleteMeta("a"), x.DeleteMeta("never"))
		})
		if all := metas(t, s); !maps.Equal(all, map[string]string{"b": "2", "empty": ""}) {
			t.Errorf("after one was deleted: %v", all)
		}
		for _, name := range []string{"", string(make([]byte, 256))} {
			if err := s.Update(func(x Tx) error { return x.PutMeta(name, nil) }); !errors.Is(err, ErrTooLarge) {
				t.Errorf("a name of %d bytes: %v", len(name), err)
			}
		}
	})
}

func TestTooLarge(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		big := make([]byte, MaxValue+1)
		if err := s.Update(func(x Tx) error { return x.Put(id(1), big) }); !errors.Is(err, ErrTooLarge) {
			t.Fatal(err)
		}
	})
}

// What a failed or panicking Update did is gone, and the next one works.
func TestUndone(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		update(t, s, func(x Tx) error { return errors.Join(x.Put(id(1), []byte("kept")), x.PutMeta("kept", nil)) })
		before, generation := content(t, s)
		own := errors.New("own")
		spoil := func(x Tx) error {
			return errors.Join(x.Put(id(1), []byte("lost")), x.Put(id(2), []byte("lost")), x.Delete(id(1)), x.PutMeta("m", []byte("lost")), x.DeleteMeta("kept"), own)
		}
		if err := s.Update(spoil); !errors.Is(err, own) {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if r := recover(); r != "mine" {
					t.Errorf("recovered %v", r)
				}
			}()
			s.Update(func(x Tx) error { spoil(x); panic("mine") })
		}()
		after, same := content(t, s)
		if !maps.Equal(before, after) || same != generation {
			t.Fatalf("generation %d, then %d: %v", generation, same, after)
		}
		if all := metas(t, s); !maps.Equal(all, map[string]string{"kept": ""}) {
			t.Errorf("named values: %v", all)
		}
		update(t, s, put(1, "next"))
	})
}

func TestViewChangesNothing(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		err := s.View(func(x Tx) error {
			for _, err := range []error{x.Put(id(1), nil), x.Delete(id(1)), x.PutMeta("m", nil), x.DeleteMeta("m")} {
				if !errors.Is(err, ErrReadOnly) {
					t.Errorf("got %v", err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestGenerations(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		for want := uint64(1); want <= 5; want++ {
			word := s.Generation()
			update(t, s, func(x Tx) error {
				if x.Generation() != want {
					t.Errorf("Update makes %d, want %d", x.Generation(), want)
				}
				return x.PutMeta("m", nil)
			})
			if s.Generation() == word {
				t.Error("a commit left Generation as it was")
			}
			if _, g := content(t, s); g != want {
				t.Errorf("View sees %d, want %d", g, want)
			}
		}
		word := s.Generation()
		update(t, s, func(Tx) error { return nil })
		if _, g := content(t, s); g != 5 || s.Generation() != word {
			t.Error("an Update that did nothing counted")
		}
	})
}

func TestChanges(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		update(t, s, put(1, "a"))                                                                         // 1
		update(t, s, func(x Tx) error { return errors.Join(x.Put(id(2), nil), x.Put(id(3), nil)) })       // 2
		update(t, s, func(x Tx) error { return x.PutMeta("m", nil) })                                     // 3
		update(t, s, func(x Tx) error { return errors.Join(x.Delete(id(1)), x.Put(id(2), []byte("b"))) }) // 4
		for since, want := range [][]ID{{id(1), id(2), id(3)}, {id(1), id(2), id(3)}, {id(1), id(2)}, {id(1), id(2)}, {}} {
			s.View(func(x Tx) error {
				got, ok := x.Changes(uint64(since))
				slices.SortFunc(got, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
				if !ok || !slices.Equal(got, want) {
					t.Errorf("since %d: %v, %v", since, got, ok)
				}
				return nil
			})
		}
		update(t, s, func(x Tx) error {
			x.Put(id(9), nil)
			if got, ok := x.Changes(4); !ok || len(got) != 0 {
				t.Errorf("an Update sees %v, %v of itself", got, ok)
			}
			if _, ok := x.Changes(5); ok {
				t.Error("changes since a generation that is not there yet")
			}
			return nil
		})
	})
}

func TestClosed(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		s.Close()
		s.Close()
		s.Generation()
		nothing := func(Tx) error { return nil }
		if !errors.Is(s.View(nothing), ErrClosed) || !errors.Is(s.Update(nothing), ErrClosed) {
			t.Error("works after Close")
		}
	})
}

func TestManyGoroutines(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		const each = 25
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range each {
					if err := increment(s); err != nil {
						t.Error(err)
					}
				}
			})
			wg.Go(func() {
				for range each {
					s.Generation()
					content(t, s)
				}
			})
		}
		wg.Wait()
		if n := counter(t, s); n != 4*each {
			t.Errorf("%d of %d increments", n, 4*each)
		}
	})
}

// One random history gives the same on disk and in memory.
func TestTwinsAgree(t *testing.T) {
	disk, mem := create(t, Options{}), NewMemory()
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		seed := random.Uint64()
		for _, s := range []Store{disk, mem} {
			s.Update(func(x Tx) error { return randomChanges(x, seed) })
		}
	}
	a, ga := content(t, disk)
	b, gb := content(t, mem)
	if !maps.Equal(a, b) || ga != gb || len(a) == 0 {
		t.Fatalf("disk has %d records at %d, memory %d at %d", len(a), ga, len(b), gb)
	}
}

func randomChanges(x Tx, seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 0))
	for range r.IntN(20) {
		n := r.IntN(200)
		if r.IntN(3) == 0 {
			x.Delete(id(n))
		} else {
			x.Put(id(n), bytes.Repeat([]byte{byte(n)}, r.IntN(3000)))
		}
	}
	if r.IntN(4) == 0 {
		return errors.New("undo")
	}
	return nil
}

// Every place where a call can fail leaves all or nothing.
func TestFaulty(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		own := errors.New("own")
		change := func(x Tx) error {
			if err := x.Put(id(1), []byte("new")); err != nil {
				return err
			}
			if err := x.PutMeta("m", nil); err != nil {
				return err
			}
			return x.Delete(id(2))
		}
		update(t, s, put(2, "old"))
		before, _ := content(t, s)
		for at := 1; at <= 5; at++ {
			if err := Faulty(s, at, own).Update(change); !errors.Is(err, own) {
				t.Fatalf("call %d: %v", at, err)
			}
			if after, _ := content(t, s); !maps.Equal(before, after) {
				t.Fatalf("call %d left %v", at, after)
			}
		}
		if err := Faulty(s, 1, own).View(func(Tx) error { return nil }); !errors.Is(err, own) {
			t.Fatal(err)
		}
		f := Faulty(s, 5, fmt.Errorf("%w: torn cable", ErrUncertain))
		if err := f.Update(change); !errors.Is(err, ErrUncertain) || f.Calls() != 5 {
			t.Fatalf("%v after %d calls", err, f.Calls())
		}
		if after, _ := content(t, s); after[id(1)] != "new" || len(after) != 1 {
			t.Fatalf("uncertain left %v", after)
		}
	})
}

// increment adds one to a number kept in two places, which must agree.
func increment(s Store) error {
	return s.Update(func(x Tx) error {
		r, _ := x.Get(id(0))
		m, _ := x.Meta("counter")
		if string(r) != string(m) {
			return fmt.Errorf("torn: %q and %q", r, m)
		}
		n := 0
		fmt.Sscan(string(r), &n)
		next := fmt.Append(nil, n+1)
		return errors.Join(x.Put(id(0), next), x.PutMeta("counter", next))
	})
}

func counter(t *testing.T, s Store) (n int) {
	t.Helper()
	err := s.View(func(x Tx) error {
		r, _ := x.Get(id(0))
		fmt.Sscan(string(r), &n)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
