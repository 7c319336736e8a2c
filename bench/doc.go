// Package bench compares Coffer with other PKCS #11 modules. One C driver (the
// folder driver) runs the same operations through each; this package builds it,
// gives each module a token in a folder of its own, lets the modules take turns,
// and makes a table of medians and ratios. The command is bench/compare.
//
// The package's Go benchmarks (layers_test.go) measure what lies under the C ABI,
// layer by layer, so that a loss can be placed.
package bench
