// Package audit is an append-only log whose past cannot be changed unseen: JSON
// lines that are the leaves of a Merkle tree, under checkpoints signed with a key
// that only the holder of the root key has. FORMAT.md beside it has the bytes and
// the argument why it is right after a crash at any point.
//
// A Log is the writing end, of one process among many. Verify and Read are for
// whoever looks at a log; Uses gathers what happens too often to be written down
// one by one.
//
// A record says who did what to which object and how it ended. Nothing secret is
// ever given to this package: no key, PIN, plaintext or label, and no digest of one.
package audit
