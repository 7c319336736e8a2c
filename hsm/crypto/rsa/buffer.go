package rsa

import "sync"

// buffers are slices of bytes for what is needed during an operation, such as an encoded
// message. Between operations they are wiped.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// borrowBytes gets n bytes, all zero, that giveBackBytes wipes.
func borrowBytes(n int) *[]byte {
	b := buffers.Get().(*[]byte)
	*b = append((*b)[:0], make([]byte, n)...)
	return b
}

func giveBackBytes(b *[]byte) {
	clear(*b)
	buffers.Put(b)
}
