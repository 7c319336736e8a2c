package partition

import (
	"reflect"
	"testing"
)

// A record comes back as it was, and what is cut short or has an unknown header is
// refused.
func TestRecord(t *testing.T) {
	for name, r := range map[string]record{
		"first term": {private: true, term: firstTerm, born: 3, generation: 4, attributes: []byte("attributes"), material: []byte("material")},
		"later term": {term: 1 << 20, born: 3, generation: 1 << 40, attributes: []byte("attributes"), material: []byte{}},
	} {
		b := r.encode()
		if len(b) != r.size() {
			t.Errorf("%s: %d bytes, size says %d", name, len(b), r.size())
		}
		got, err := decodeRecord(b)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		for n := range len(b) - len(r.material) {
			if _, err := decodeRecord(b[:n]); err == nil {
				t.Errorf("%s: %d bytes of it are taken for a whole one", name, n)
			}
		}
		for i, v := range map[int]byte{0: 3, 1: 2} {
			other := append([]byte(nil), b...)
			other[i] = v
			if _, err := decodeRecord(other); err == nil {
				t.Errorf("%s: byte %d may be %d", name, i, v)
			}
		}
	}
}
