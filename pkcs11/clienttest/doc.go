// Package clienttest drives the built library with the programs that people use:
// pkcs11-tool, OpenSSL, GnuTLS, OpenSSH, NSS, Java, nginx, and Go programs. It
// has no code of its own.
//
// The scripts in testdata/both tell the same story on SoftHSM2, those in
// testdata/coffer are for Coffer alone; commands_test.go lists the words they have
// beside those of testscript. A program that is missing is a failure: .ci/install
// test installs them all. COFFER_SOAK=1 asks for the long forms (make soak).
package clienttest
