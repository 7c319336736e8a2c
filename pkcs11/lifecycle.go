package main

/*
#include "front/core.h"
*/
import "C"

import (
	"math"
	"runtime/debug"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/wait"
	"github.com/coffer-hsm/coffer/slots"
)

// coffer_warm does nothing: its return says that the Go runtime is up.
//
//export coffer_warm
func coffer_warm() {}

// coffer_initialize is the core's half of C_Initialize; the package text has
// its answers.
//
//export coffer_initialize
func coffer_initialize(settings *C.coffer_settings) (rv C.CK_RV) {
	defer contain(&rv)
	if settings == nil {
		return C.CKR_ARGUMENTS_BAD
	}
	if current.Load() != nil {
		return C.CKR_CRYPTOKI_ALREADY_INITIALIZED
	}
	cfg, err := configuration(settings)
	if err != nil {
		return failed(err)
	}
	setPace()
	hookTransactions(settings)
	module, err := hsm.Open(cfg)
	if err != nil {
		return failed(err)
	}
	if !current.CompareAndSwap(nil, slots.NewDeferring(module, deferrals())) {
		_ = module.Close() // another thread was faster; its module serves
		return C.CKR_CRYPTOKI_ALREADY_INITIALIZED
	}
	return C.CKR_OK
}

// setPace sets the collector to its defaults: GOGC and GOMEMLIMIT in the environment
// of a host that is a Go program are meant for that program's heap. And it says that
// who calls is a thread of the host.
func setPace() {
	debug.SetGCPercent(100)
	debug.SetMemoryLimit(math.MaxInt64)
	wait.Threads(true)
}

//export coffer_C_Finalize
func coffer_C_Finalize(reserved C.CK_VOID_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	if current.Load() == nil {
		return C.CKR_CRYPTOKI_NOT_INITIALIZED
	}
	if reserved != nil {
		return C.CKR_ARGUMENTS_BAD
	}
	app := current.Swap(nil)
	if app == nil {
		return C.CKR_CRYPTOKI_NOT_INITIALIZED
	}
	return code(app.Finalize())
}

// initializeCodes maps the codes of hsm.Open to those that C_Initialize has (section
// 5.4). Any other, CKR_TOKEN_NOT_RECOGNIZED above all, is CKR_GENERAL_ERROR.
var initializeCodes = map[ck.RV]C.CK_RV{
	ck.CKR_ARGUMENTS_BAD:   C.CKR_ARGUMENTS_BAD,
	ck.CKR_DEVICE_ERROR:    C.CKR_FUNCTION_FAILED,
	ck.CKR_FUNCTION_FAILED: C.CKR_FUNCTION_FAILED,
	ck.CKR_HOST_MEMORY:     C.CKR_HOST_MEMORY,
}

// failed reports err to a person who asked for it and returns its code.
func failed(err error) C.CK_RV {
	explain(err)
	if rv, ok := initializeCodes[ck.Code(err)]; ok {
		return rv
	}
	return C.CKR_GENERAL_ERROR
}
