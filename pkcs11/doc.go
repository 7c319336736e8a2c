// Command pkcs11 is the core of the PKCS #11 library: libcoffer-core.so, built
// with -buildmode=c-shared. It is a shell. Each exported function checks its
// pointers and lengths, copies in what must outlive the call, calls one method
// of slots.App, copies out, and maps one error to a CK_RV. It decides nothing; where
// an Init is answered in C (DEFERRAL.md), it repeats what slots has said of it.
//
// # Life cycle
//
// The front (front/, plain C, the file that applications load) loads this
// library at C_Initialize and calls, in this order:
//
//   - coffer_warm: returns once the Go runtime is up;
//   - coffer_initialize: opens the module that the settings name and makes it
//     the current application;
//   - the coffer_C_ functions, from any thread;
//   - coffer_C_Finalize: closes the module. coffer_initialize may follow again.
//
// After fork the child's copy of this library is dead. The front never calls it
// again; it loads a fresh one. So nothing here runs on its own: no goroutine,
// no timer, no package initialisation that does work, nothing at exit. The exception
// is what the application asks for: a call that answers CKR_PENDING goes on in a
// goroutine, until the session is closed at the latest.
//
// # Answers of coffer_initialize
//
// C_Initialize has few codes (section 5.4), and a program must be able to tell
// the causes apart:
//
//	CKR_ARGUMENTS_BAD    the configuration: an unknown parameter, a file that does not parse
//	CKR_FUNCTION_FAILED  the home: it cannot be read, is open to others, or is damaged
//	CKR_GENERAL_ERROR    the root key is not the home's, or the home is of a newer Coffer
//	CKR_HOST_MEMORY      not enough memory
//
// With COFFER_DEBUG in the environment the reason is written to standard error.
//
// # The caller's memory
//
// Data is read and written where the caller has it. Templates and mechanism
// parameters are deep-copied, PINs copied and wiped, because callers may free
// them as soon as the call returns. The parameter of a message comes with each
// call and is read and written in it. Lengths that no process can have are
// refused. A length that merely lies is met by a panic instead of a fatal
// error wherever Go code does the access, and every panic becomes
// CKR_GENERAL_ERROR.
//
// An argument error ends the operation under way, as any error of its
// functions does but CKR_BUFFER_TOO_SMALL (section 5.2). A bad session handle is
// told before a bad argument. In a call on a message it is the message that ends.
//
// # The profile
//
// The compiler inlines by core.pgo (go.dev/doc/pgo), in the runtime and the standard
// library too, on whose calls short operations spend much of their time. It is what
// perf saw of coffer bench (make profile; go tool pprof core.pgo shows it). An old one
// makes the core slower, never wrong.
package main

func main() {} // demanded by -buildmode=c-shared, never called
