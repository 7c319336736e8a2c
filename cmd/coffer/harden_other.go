//go:build !linux

package main

// denyCoreDumps is for Linux only.
func denyCoreDumps() {}
