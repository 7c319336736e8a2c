//go:build !purego

package aes

func (v *vaes) encryptBlock(b [blockSize]byte) [blockSize]byte {
	encryptBlocks(&v.encrypt, &b[0], &b[0], blockSize)
	return b
}

// xts calls its kernels by name: what is passed to a variable would be on the heap.
func (v *vaes) xts(tweak [blockSize]byte, dst, src []byte, decrypt bool) [blockSize]byte {
	tweaks := [4][blockSize]byte{tweak}
	for len(src) > 0 {
		n := min(len(src), maxRun)
		if decrypt {
			decryptXTS(&v.decrypt, &tweaks, &dst[0], &src[0], n)
		} else {
			encryptXTS(&v.encrypt, &tweaks, &dst[0], &src[0], n)
		}
		tweaks[0] = doubled(tweaks[(n/blockSize-1)%4])
		dst, src = dst[n:], src[n:]
	}
	return tweaks[0]
}
