package ccm

import (
	"crypto/cipher"
	"encoding/binary"
	"math"
)

// mac is the CBC-MAC of section 6.1, steps 1 to 4, under way.
type mac struct {
	mode cipher.BlockMode // CBC, whose state is Y_i
	last [blockSize]byte  // Y_i
	part [blockSize]byte  // the start of a block
	n    int              // bytes in part
	// out is where CBC puts its ciphertext, of which only the end is wanted.
	out [64 * blockSize]byte
}

// write takes in the next bytes.
func (m *mac) write(p []byte) {
	if m.n > 0 {
		n := copy(m.part[m.n:], p)
		m.n += n
		p = p[n:]
		if m.n < blockSize {
			return
		}
		m.blocks(m.part[:])
	}
	for len(p) >= blockSize {
		n := min(len(p)-len(p)%blockSize, len(m.out))
		m.blocks(p[:n])
		p = p[n:]
	}
	m.n = copy(m.part[:], p)
}

// blocks does whole blocks, as many as out has room for at most.
func (m *mac) blocks(p []byte) {
	m.mode.CryptBlocks(m.out[:len(p)], p)
	copy(m.last[:], m.out[len(p)-blockSize:])
}

// pad fills the last block with zeros (appendix A.2.2 and A.2.3).
func (m *mac) pad() {
	if m.n > 0 {
		clear(m.part[m.n:])
		m.blocks(m.part[:])
		m.n = 0
	}
}

// associate takes in the associated data after its length (appendix A.2.2).
func (m *mac) associate(aad []byte) {
	n := uint64(len(aad))
	switch {
	case n == 0:
		return
	case n < 1<<16-1<<8:
		m.write(binary.BigEndian.AppendUint16(nil, uint16(n)))
	case n <= math.MaxUint32:
		m.write(binary.BigEndian.AppendUint32([]byte{0xff, 0xfe}, uint32(n)))
	default:
		m.write(binary.BigEndian.AppendUint64([]byte{0xff, 0xff}, n))
	}
	m.write(aad)
	m.pad()
}
