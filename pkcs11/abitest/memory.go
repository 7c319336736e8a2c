package abitest

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Memory is C memory for one test: whatever is taken from it ends where a page
// ends that nobody may touch, so that an access one byte too far is a fault.
type Memory struct{ maps [][]byte }

// Bytes returns n bytes filled with fill. n may be 0: the address is then that
// of the forbidden page.
func (m *Memory) Bytes(n int, fill byte) []byte {
	page := unix.Getpagesize()
	size := (n + page - 1) / page * page
	mem, err := unix.Mmap(-1, 0, size+page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		panic(err)
	}
	if err := unix.Mprotect(mem[size:], unix.PROT_NONE); err != nil {
		panic(err)
	}
	m.maps = append(m.maps, mem)
	b := mem[size-n : size : size]
	for i := range b {
		b[i] = fill
	}
	return b
}

// Copy returns C memory that holds data.
func (m *Memory) Copy(data []byte) []byte {
	b := m.Bytes(len(data), 0)
	copy(b, data)
	return b
}

// Ulongs returns the address of values in a row: a CK_ULONG, an array of them,
// or a structure of nothing but CK_ULONG and pointers.
func (m *Memory) Ulongs(values ...uintptr) Words {
	w := Words(m.Bytes(8*len(values), 0))
	for i, v := range values {
		w.Set(i, v)
	}
	return w
}

// Free gives everything back.
func (m *Memory) Free() {
	for _, mem := range m.maps {
		_ = unix.Munmap(mem)
	}
	m.maps = nil
}

// Words is C memory seen as CK_ULONGs.
type Words []byte

// At is the i'th word.
func (w Words) At(i int) uint64 { return binary.LittleEndian.Uint64(w[8*i:]) }

// Set sets the i'th word.
func (w Words) Set(i int, v uintptr) { binary.LittleEndian.PutUint64(w[8*i:], uint64(v)) }

// Address is where b begins, as an argument of Call.
func Address[B ~[]byte](b B) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
