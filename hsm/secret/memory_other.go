//go:build !linux

package secret

// mapProtected has no protected memory to offer here: secrets are on the Go heap.
func mapProtected(int) (mem []byte, locked bool) { return nil, false }

func unmap([]byte) {}
