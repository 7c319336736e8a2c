package partition

import (
	"encoding/json"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/store"
)

// stranger counts the tries under a name that nobody has, as those of a user are
// counted: who tries names must not learn from a lockout, or from none, whose they
// are.
type stranger struct {
	Of string `json:"of"` // account.meta
	auth
}

// maxStrangers bounds how many names are remembered. After so many others a name is
// as if it had never been tried.
const maxStrangers = 256

func (p *Partition) readStrangers(tx store.Tx) (all []stranger, err error) {
	payload, _, err := p.readMeta(tx, metaStrangers)
	if err != nil || payload == nil {
		return nil, err
	}
	if err := json.Unmarshal(payload, &all); err != nil {
		return nil, damaged("value %q: %w", metaStrangers, err)
	}
	return all, nil
}

// readStranger reads the tries under a name that nobody has.
func (p *Partition) readStranger(tx store.Tx, of account) (auth, error) {
	all, err := p.readStrangers(tx)
	for _, s := range all {
		if s.Of == of.meta {
			return s.auth, err
		}
	}
	return auth{}, err
}

// putStranger keeps the tries under a name, the last one tried at the end; forget
// says that the name is somebody's now.
func (w *writer) putStranger(of account, a auth, forget bool) error {
	all, err := w.p.readStrangers(w.tx)
	if err != nil {
		return err
	}
	before := len(all)
	all = slices.DeleteFunc(all, func(s stranger) bool { return s.Of == of.meta })
	if forget && len(all) == before {
		return nil
	}
	if !forget {
		all = append(all, stranger{of.meta, a})
	}
	payload, err := json.Marshal(all[max(0, len(all)-maxStrangers):])
	if err != nil {
		return err
	}
	return w.putMeta(metaStrangers, payload)
}
