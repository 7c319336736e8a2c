// Command coffer manages Coffer, a software HSM: its home directory, its
// partitions and the keys in them. Programs use the keys through the PKCS #11
// library libcoffer-pkcs11.so; this tool is for the person who looks after them.
//
// One file holds one command. What they share is in tool.go (opening things),
// pin.go (where PINs come from), terminal.go, output.go and errors.go (the exit
// codes).
package main

import (
	"os"
)

func main() {
	denyCoreDumps()
	t := &tool{out: &printed{w: os.Stdout}, err: os.Stderr}
	os.Exit(t.run(os.Args[1:]))
}
