package bench

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
)

// cheapPIN is a configuration for measurements that are not about the cost of a
// guess.
const cheapPIN = "[pin]\nargon2-passes = 1\nargon2-memory-kib = 64\n"

// A Home is one with a partition of many AES keys, for measurements by their number.
type Home struct {
	Dir string
	n   int
}

// NewHome makes a home in an empty folder, in which a guess of a PIN is cheap.
func NewHome(dir string) (*Home, error) {
	h := &Home{Dir: dir}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "coffer.toml"), []byte(cheapPIN), 0o600); err != nil {
		return nil, err
	}
	m, err := h.module()
	if err != nil {
		return nil, err
	}
	defer m.Close()
	_, err = m.Create("bench", []byte(pin), []byte(pin))
	return h, err
}

func (h *Home) module() (*hsm.Module, error) { return hsm.Open(hsm.Config{Home: h.Dir}) }

// Open opens the partition as another process would, and logs in.
func (h *Home) Open() (*hsm.Module, *partition.Partition, api.Caller, error) {
	m, err := h.module()
	if err != nil {
		return nil, nil, api.Caller{}, err
	}
	p := m.Slots()[0].Partition.(*partition.Partition)
	id, err := p.Login(ck.CKU_USER, []byte(pin))
	if err != nil {
		m.Close()
		return nil, nil, api.Caller{}, err
	}
	return m, p, api.Caller{Identity: id, ReadWrite: true}, nil
}

// Grow makes keys until there are n, many in one transaction.
func (h *Home) Grow(n int) error {
	m, p, who, err := h.Open()
	if err != nil {
		return err
	}
	defer m.Close()
	const batch = 1000
	for h.n < n {
		keys := make([]ck.Template, min(batch, n-h.n))
		for i := range keys {
			keys[i] = Key(h.n + i)
		}
		if _, err := p.ImportObjects(who, "bench", keys); err != nil {
			return err
		}
		h.n += len(keys)
	}
	return nil
}

// Label is that of key number i.
func Label(i int) string { return fmt.Sprintf("key number %06d", i) }

// ID is the CKA_ID of key number i.
func ID(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }

// Key is the template of key number i, an AES key of the token.
func Key(i int) ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.Bool(ck.CKA_TOKEN, true),
		ck.String(ck.CKA_LABEL, Label(i)), ck.Bytes(ck.CKA_ID, ID(i)), ck.Bytes(ck.CKA_VALUE, make([]byte, 32)),
	}
}
