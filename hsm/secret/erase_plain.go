//go:build !goexperiment.runtimesecret

package secret

// Do runs f. A toolchain with GOEXPERIMENT=runtimesecret erases what f leaves behind
// (erase_runtime.go); without it there is no way to.
func Do(f func()) { f() }

// Collect does nothing: there is nothing to erase.
func Collect() {}
