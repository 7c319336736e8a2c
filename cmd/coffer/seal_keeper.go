package main

import (
	"errors"
	"fmt"

	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// keeper gets the keys of sealed copies that take a person, each once, and says what
// they are sealed with under another root key. It is a seal.Method.
type keeper struct {
	t      *tool
	o      *sealOptions
	looked bool                     // for a passphrase that nobody has to type
	stored *secret.Bytes            // that one, or nil
	keys   map[string]*secret.Bytes // those that have opened a copy
}

func newKeeper(t *tool, o *sealOptions) *keeper {
	return &keeper{t: t, o: o, keys: map[string]*secret.Bytes{}}
}

func (k *keeper) zero() {
	if k.stored != nil {
		k.stored.Zero()
	}
	for _, key := range k.keys {
		key.Zero()
	}
}

// Key gets the key of a copy, which it opens.
func (k *keeper) Key(s *seal.Slot) (*secret.Bytes, error) {
	id := fmt.Sprint(s.Kind, s.Params) // with the salt: the same under the next root key
	if key := k.keys[id]; key != nil {
		return key.Clone(), nil
	}
	get := map[string]func(*seal.Slot) (*secret.Bytes, error){
		seal.KindPassphrase: k.passphraseKey,
		seal.KindShares:     func(s *seal.Slot) (*secret.Bytes, error) { return sharesKey(k.t, k.o, s) },
	}[s.Kind]
	if get == nil {
		return nil, hintf("upgrade this program", "%s is of the kind %q, which is unknown", s.Name, s.Kind)
	}
	key, err := get(s)
	if err != nil {
		return nil, orNobody(err)
	}
	if err := opens(s, key); err != nil {
		key.Zero()
		return nil, &advised{fmt.Errorf("this does not open %s: another %s is needed: %w", quote(s.Name), s.Kind, err), "", exitWrongPIN}
	}
	k.keys[id] = key
	return key.Clone(), nil
}

// opens fails unless key opens s.
func opens(s *seal.Slot, key *secret.Bytes) error {
	root, err := s.Open(key)
	if err == nil {
		root.Zero()
	}
	return err
}

// passphraseKey tries the passphrase of the file or the environment, and asks for another
// if that is the one of another copy.
func (k *keeper) passphraseKey(s *seal.Slot) (key *secret.Bytes, err error) {
	if !k.looked {
		if k.stored, err = k.t.passphrase.stored(k.t); err != nil {
			return nil, err
		}
		k.looked = true
	}
	if k.stored != nil {
		if key, err = seal.PassphraseKey(s, k.stored); err != nil || opens(s, key) == nil {
			return key, err
		}
	}
	p, err := askSecret("Passphrase " + quote(s.Name))
	if key != nil && errors.Is(err, errNoTerminal) {
		return key, nil // it is the wrong one that is told of
	}
	if key != nil {
		key.Zero()
	}
	if err != nil {
		return nil, k.t.passphrase.advise(err)
	}
	defer p.Zero()
	return seal.PassphraseKey(s, p)
}

// sealer says what a copy is sealed with under the next root key: the same passphrase, or
// new shares.
func (k *keeper) sealer(former *seal.Slot, next string) (*seal.Sealer, error) {
	if former.Kind == seal.KindShares {
		o := *k.o
		o.name, o.root, o.former = former.Name, next, former
		with, err := newSharesSeal(k.t, &o)
		return with, orNobody(err)
	}
	key, err := k.Key(former)
	if err != nil {
		return nil, err
	}
	return &seal.Sealer{Kind: former.Kind, Params: former.Params, Key: key}, nil
}

// orNobody says of an error that nobody is there to be asked, where that is so.
func orNobody(err error) error {
	if errors.Is(err, errNoTerminal) {
		return fmt.Errorf("%w: %w", seal.ErrAttended, err)
	}
	return err
}
