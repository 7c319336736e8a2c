// Package oldertest brings back what older versions of a partition have written, for the
// tests that it opens for ever.
package oldertest

import (
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/coffer-hsm/coffer/hsm/store"
)

// The stores that there are. Their PINs are those of the tests of hsm/partition.
const (
	// BeforePINPolicy has one key, called "old key", and two wrong tries of the user.
	BeforePINPolicy = "before-pin-policy.json"
	// BeforePINKeys has PINs whose records are of version 1.
	BeforePINKeys = "before-pin-keys.json"
)

//go:embed *.json
var files embed.FS

// Restore puts one of the stores into st, which is empty.
func Restore(st store.Store, name string) error {
	text, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	var kept contents
	if err := json.Unmarshal(text, &kept); err != nil {
		return err
	}
	for range kept.Generation { // the state is bound to its generation
		if err := st.Update(kept.put); err != nil {
			return err
		}
	}
	return nil
}

// contents are all that a store has, the records by their IDs in hexadecimal.
type contents struct {
	Generation     uint64
	Metas, Records map[string][]byte
}

func (c *contents) put(tx store.Tx) (err error) {
	for name, value := range c.Metas {
		err = errors.Join(err, tx.PutMeta(name, value))
	}
	for name, record := range c.Records {
		id, wrong := hex.DecodeString(name)
		if wrong != nil {
			return errors.Join(err, wrong)
		}
		err = errors.Join(err, tx.Put(store.ID(id), record))
	}
	return err
}
