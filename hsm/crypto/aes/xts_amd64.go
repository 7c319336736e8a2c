//go:build !purego

package aes

func (v *vaes) xts(tweak *[blockSize]byte, dst, src []byte, decrypt bool) {
	keys, crypt := &v.encrypt, encryptXTS
	if decrypt {
		keys, crypt = &v.decrypt, decryptXTS
	}
	tweaks := [4][blockSize]byte{*tweak}
	for len(src) > 0 {
		n := min(len(src), maxRun)
		crypt(keys, &tweaks, &dst[0], &src[0], n)
		tweaks[0] = doubled(tweaks[(n/blockSize-1)%4])
		dst, src = dst[n:], src[n:]
	}
	*tweak = tweaks[0]
}
