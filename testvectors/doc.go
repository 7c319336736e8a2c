// Package testvectors holds a PKCS #11 module to answers that others have
// published: every file of Wycheproof (github.com/c2sp/wycheproof, pinned in
// go.mod) that covers a mechanism of ours, the answer files of NIST's CAVP (package
// cavp), and examples from the standards where neither has a file. All of it goes through
// the C ABI of the built library.
//
// The tables in table.go say for every file of the pinned module which runner
// takes it or why none does; a file that neither knows is an error, so that a
// newer Wycheproof cannot be passed over. README.md tells how to run the same
// vectors on another module.
//
// # What counts
//
// A test of Wycheproof becomes trials: the same question asked in each way that
// the interface has (in one call or in parts, hashing inside or outside, wrapping
// or encrypting). All of them must answer right. What is expected:
//
//   - valid: the right value, from each trial;
//   - invalid: a refusal, from each trial, with a code that tells of the input;
//   - acceptable: either of these, but never a wrong value.
//
// A test that has no form in PKCS #11, such as a signature whose DER cannot be
// read where the interface takes r and s, is not applicable. It is counted apart
// and printed with its reason.
package testvectors
