package main

/*
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "front/core.h"

static void coffer_call(void (*f)(void)) { f(); }

// coffer_explain writes a line to standard error if COFFER_DEBUG is set. The
// environment is asked in C, the only side that knows it as it is now.
static void coffer_explain(const char *line, size_t n) {
  const char *debug = getenv("COFFER_DEBUG");
  if (debug == NULL || *debug == 0) return;
  ssize_t done;
  do done = write(2, line, n); while (done < 0 && errno == EINTR);
}
*/
import "C"

import (
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/store"
)

// hookTransactions lets the front know of every transaction of a store: it keeps
// fork waiting in between, since a child inherits the file lock.
func hookTransactions(s *cSettings) {
	enter, leave := s.transaction_enter, s.transaction_leave
	if enter == nil || leave == nil {
		return
	}
	store.SetTransactionHook(func() { C.coffer_call(enter) }, func() { C.coffer_call(leave) })
}

// explain tells a person why C_Initialize failed.
func explain(err error) {
	line := []byte("coffer: " + err.Error() + "\n")
	C.coffer_explain((*C.char)(unsafe.Pointer(&line[0])), C.size_t(len(line)))
}
