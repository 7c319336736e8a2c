// Package hosttest holds the tests of the two libraries inside real host
// processes: C programs (testdata) that fork, load and unload, take signals, and
// hand in NULL. It has no code of its own.
//
// The tests build the libraries with make and the programs with the C compiler.
// COFFER_SOAK=1 asks for the long forms (make soak).
package hosttest
