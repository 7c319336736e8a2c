package hsm

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/soak"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// TestFlippedBytes flips bytes of a home, one at a time. Either everything works on and
// is right, or what is wrong is named, Check finds it too, the other partition is as it
// was, and with the byte put back all is there again.
func TestFlippedBytes(t *testing.T) {
	x := newFlipper(t, "one", "two")
	x.flip(t, x.samples)
}

// TestFlippedEverywhere flips every byte, or in the short form every 997th, of a home with
// one partition, on all processors. There is little in its store that is free.
func TestFlippedEverywhere(t *testing.T) {
	x, n, every := newFlipper(t, "one"), runtime.GOMAXPROCS(0), soak.Or(1, 997)
	for part := range n {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			x.copy(t).flip(t, func(b []byte) (at []int) {
				for i := part * every; i < len(b); i += n * every {
					at = append(at, i)
				}
				return at
			})
		})
	}
}

// flipper flips bytes of a home of its own.
type flipper struct {
	c      Config
	before image    // the home as it was
	want   contents // what there is in it
	random *rand.Rand
}

func newFlipper(t *testing.T, labels ...string) *flipper {
	t.Helper()
	c := homeOf(t, labels...)
	for i := range labels {
		compact(t, filepath.Join(c.Home, partitionsName, strconv.Itoa(i+1)))
	}
	want, err := useAll(c)
	must(t, err)
	if len(want) < 4*len(labels) {
		t.Fatalf("%d objects", len(want))
	}
	return &flipper{c, takeImage(t, c.Home), want, rand.New(rand.NewPCG(3, 4))}
}

func compact(t *testing.T, dir string) {
	t.Helper()
	s, err := store.OpenFile(dir, store.Options{})
	must(t, err)
	_, _, err = s.(store.Compacter).Compact()
	must(t, err)
	must(t, s.Close())
}

// copy is a flipper with a copy of the home.
func (x *flipper) copy(t *testing.T) *flipper {
	c := Config{Home: t.TempDir()}
	must(t, os.Chmod(c.Home, 0o700))
	return &flipper{c, x.before.copyTo(t, x.c.Home, c.Home), x.want, rand.New(rand.NewPCG(3, 4))}
}

// samples are a part of the bytes of small files, of the log, of the heads of pages, and
// of the rest.
func (x *flipper) samples(b []byte) (at []int) {
	for i := range b {
		share := 250
		switch zero := b[i] == 0 && i > 0 && b[i-1] == 0; {
		case zero:
			share = 4000
		case len(b) <= 512:
			share = 3
		case len(b) <= 8192:
			share = 12
		case i < 8192 && i%4096 < 80:
			share = 4
		}
		if x.random.IntN(share) == 0 {
			at = append(at, i)
		}
	}
	return at
}

// flip flips a bit of each byte of each file that chosen names, up to one that fails.
func (x *flipper) flip(t *testing.T, chosen func([]byte) []int) {
	for _, path := range slices.Sorted(maps.Keys(x.before)) {
		if strings.Contains(path, "/2/") || isHomeLog(x.c, path) { // as the first; TestHomeLogFlipped
			continue
		}
		tried, named := 0, 0
		for _, at := range chosen(x.before[path]) {
			tried++
			if x.flipOne(t, path, at, byte(1<<x.random.IntN(8))) {
				named++
			}
			if t.Failed() {
				x.keep(t)
				return
			}
		}
		t.Logf("%s: %d flipped, %d named", strings.TrimPrefix(path, x.c.Home), tried, named)
	}
}

// keep keeps the home in which something has failed: no other has the same bytes.
func (x *flipper) keep(t *testing.T) {
	dir, err := os.MkdirTemp("", "coffer-flipped-")
	must(t, err)
	x.before.copyTo(t, x.c.Home, dir)
	t.Logf("the home as it was before is in %s", dir)
}

// isHomeLog reports whether a file is of the home's own log, without which keys are used.
func isHomeLog(c Config, path string) bool {
	return strings.HasPrefix(path, filepath.Join(c.Home, auditName)+"/")
}

// flipOne reports whether the flip was noticed.
func (x *flipper) flipOne(t *testing.T, path string, at int, bit byte) (named bool) {
	t.Helper()
	x.before.putBack(t)
	b := bytes.Clone(x.before[path])
	b[at] ^= bit
	must(t, overwrite(path, b))
	where := fmt.Sprintf("%s, byte %d flipped by %02x", path, at, bit)
	sum := unchanged(t, x.c.Home)
	report, err := Check(x.c, CheckOptions{})
	if err != nil {
		t.Errorf("%s: check: %v", where, err)
		return false
	}
	if sum != unchanged(t, x.c.Home) {
		t.Errorf("%s: Check has changed something", where)
	}
	got, err := useAll(x.c)
	if err == nil {
		if !maps.Equal(got, x.want) {
			t.Errorf("%s: what is there is not right, and nobody said so", where)
		}
		return false
	}
	if rv := ck.Code(err); rv == ck.CKR_GENERAL_ERROR || rv == ck.CKR_PIN_INCORRECT {
		t.Errorf("%s: %v", where, err)
	}
	if report.Sound() {
		t.Errorf("%s: Check has not found it: %v", where, err)
	}
	if strings.Contains(path, "/1/") && !maps.Equal(got.of("two"), x.want.of("two")) {
		t.Errorf("%s: the other partition is not as it was: %v", where, err)
	}
	x.flipBack(t, where, path, at, b[at])
	return true
}

// flipBack puts a byte back that is as it was flipped still: all is there again.
func (x *flipper) flipBack(t *testing.T, where, path string, at int, flipped byte) {
	t.Helper()
	now, err := os.ReadFile(path)
	must(t, err)
	if now[at] == flipped {
		now[at] = x.before[path][at]
		must(t, overwrite(path, now))
	}
	if got, err := useAll(x.c); err != nil || !maps.Equal(got, x.want) {
		t.Errorf("%s: with the byte put back: %v", where, err)
	}
}
