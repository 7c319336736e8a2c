// Package fips is the state of the module as FIPS 140-3 knows it: the
// self-tests of the algorithms that Coffer itself implements and of the key pairs
// that it generates, and the error state that refuses service when one of them fails. What the standard library
// implements is tested by the Go Cryptographic Module.
//
// The package imports the standard library only, so that every algorithm can
// register with it.
package fips

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// failed is the first failure of any self-test; the module then stays in the
// error state until the process ends (ISO/IEC 19790 section 7.2.4.2).
var failed atomic.Pointer[error]

// Failed returns nil, or why the module is in the error state.
func Failed() error {
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Test is a conditional self-test of one algorithm (ISO/IEC 19790 section
// 7.10.3.2): it runs once, before the algorithm is first used or by RunAll.
type Test struct {
	name   string
	f      func() error
	once   sync.Once
	done   atomic.Bool
	broken atomic.Bool
}

var tests struct {
	sync.Mutex
	list []*Test
}

// CAST registers a cryptographic algorithm self-test. It is called once for a
// name, to initialise a variable in the cast.go beside the algorithm. f returns
// an error if the algorithm gives a wrong answer; it must not call Ready.
func CAST(name string, f func() error) *Test {
	t := &Test{name: name, f: f}
	tests.Lock()
	defer tests.Unlock()
	tests.list = append(tests.list, t)
	return t
}

// Ready says whether the algorithm may be used: it runs the test if nobody has
// yet, and returns Failed. After the first time it costs two loads.
func (t *Test) Ready() error {
	if !t.done.Load() {
		t.once.Do(t.run)
	}
	return Failed()
}

func (t *Test) run() {
	err := t.f()
	if err == nil && t.broken.Load() {
		err = errors.New("made to fail")
	}
	if err != nil {
		err = fmt.Errorf("fips: self-test of %s failed: %w", t.name, err)
		failed.CompareAndSwap(nil, &err)
	}
	t.done.Store(true)
}

// RunAll runs every self-test that has not run yet and returns Failed.
func RunAll() error {
	tests.Lock()
	list := slices.Clone(tests.list)
	tests.Unlock()
	for _, t := range list {
		t.Ready()
	}
	return Failed()
}

// Names lists the registered self-tests, sorted.
func Names() []string {
	tests.Lock()
	defer tests.Unlock()
	names := make([]string, len(tests.list))
	for i, t := range tests.list {
		names[i] = t.name
	}
	slices.SortFunc(names, strings.Compare)
	return names
}

// Break makes the self-test of that name fail when it runs, so that tests can
// see what the error state refuses. It reports whether there is such a test
// that has not run yet. It cannot do harm: all it can lead to is refusal.
func Break(name string) bool {
	tests.Lock()
	defer tests.Unlock()
	for _, t := range tests.list {
		if t.name == name {
			t.broken.Store(true)
			return !t.done.Load()
		}
	}
	return false
}
