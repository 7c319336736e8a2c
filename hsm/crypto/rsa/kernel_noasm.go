//go:build !amd64 || purego

package rsa

func assemblyKernels() []kernel { return nil }
