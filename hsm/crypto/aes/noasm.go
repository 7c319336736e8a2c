//go:build !amd64 || purego

package aes

func accelerated() []implementation { return nil }
