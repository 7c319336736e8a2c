// Package abitest holds the library to its C ABI: it loads the built
// libcoffer-pkcs11.so as an application does and calls its functions with the
// pointers and lengths that a binding in Go would never let through.
//
// testdata/listed.tsv is the standard's list of codes for each function, and
// the files rows_*_test.go are the table of functions, conditions and codes:
// TestConditions goes through it, and demands that each listed code comes, or has its
// reason in testdata/never.tsv.
package abitest

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

// Integers and pointers go in registers and on the stack alike in the calling
// conventions of amd64 and arm64, and a function does not look at arguments that
// it does not have; so one type calls them all.
typedef unsigned long (*function)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t,
                                  uintptr_t, uintptr_t);

static unsigned long call(void *f, const uintptr_t *a) {
  return ((function)f)(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9]);
}
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// maxArguments is how many the function with the most of them has.
const maxArguments = 10

// Library is a PKCS #11 library, loaded.
type Library struct {
	handle unsafe.Pointer

	// Heed, if it is not nil, gets the name and the answer of every call. It is to be
	// set before the first one, and is called by all threads.
	Heed func(name string, rv ck.RV)
}

// Load loads the library at path.
func Load(path string) (*Library, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	handle := C.dlopen(name, C.RTLD_NOW|C.RTLD_LOCAL)
	if handle == nil {
		return nil, errors.New(C.GoString(C.dlerror()))
	}
	return &Library{handle: handle}, nil
}

// Call calls the function of that name with args, pointers among them being
// addresses of memory that is not Go's, and returns its code. A missing function
// is a panic: a test asked for what the library must have.
func (l *Library) Call(name string, args ...uintptr) ck.RV {
	symbol := C.CString(name)
	defer C.free(unsafe.Pointer(symbol))
	f := C.dlsym(l.handle, symbol)
	if f == nil || len(args) > maxArguments {
		panic(fmt.Sprintf("abitest: no %s of %d arguments", name, len(args)))
	}
	var all [maxArguments]C.uintptr_t
	for i, a := range args {
		all[i] = C.uintptr_t(a)
	}
	rv := ck.RV(C.call(f, &all[0]))
	if l.Heed != nil {
		l.Heed(name, rv)
	}
	return rv
}
