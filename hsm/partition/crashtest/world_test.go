package crashtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/store"
)

const (
	soPIN   = "so-pin-1"
	userPIN = "user-pin-1"
	newPIN  = "user-pin-2"
)

var options = partition.Options{KDF: seal.KDF{Time: 1, Memory: 64, Threads: 1}, Delay: -1}

func root() *seal.Root {
	r, err := seal.NewRoot(secret.From(bytes.Repeat([]byte{7}, 32)))
	if err != nil {
		panic(err)
	}
	return r
}

// token is a partition of a directory, open, with its user.
type token struct {
	*partition.Partition
	user api.Caller
}

// open opens it anew, as another process does; pin is the user's.
func open(dir, pin string) (*token, error) {
	st, err := store.OpenFile(dir, store.Options{})
	if err != nil {
		return nil, err
	}
	p, err := partition.Open(st, root(), options)
	if err != nil {
		st.Close()
		return nil, err
	}
	id, err := p.Login(ck.CKU_USER, []byte(pin))
	if err != nil {
		p.Close()
		return nil, err
	}
	return &token{p, api.Caller{Identity: id, Session: 1, ReadWrite: true}}, nil
}

func (k *token) create(label string) error {
	_, err := k.GenerateKey(k.user, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, ck.Template{
		ck.Ulong(ck.CKA_VALUE_LEN, uint64(32)), ck.Bool(ck.CKA_TOKEN, true), ck.Bool(ck.CKA_ENCRYPT, true),
		ck.String(ck.CKA_LABEL, label),
	})
	return err
}

// find finds the one key of a label.
func (k *token) find(label string) (api.ObjectID, error) {
	ids, err := k.Find(k.user, ck.Template{ck.String(ck.CKA_LABEL, label)})
	if err == nil && len(ids) != 1 {
		err = fmt.Errorf("%d keys of label %s", len(ids), label)
	}
	if err != nil {
		return api.ObjectID{}, err
	}
	return ids[0], nil
}

func (k *token) rename(from, to string) error {
	id, err := k.find(from)
	if err != nil {
		return err
	}
	return k.SetAttributes(k.user, id, ck.Template{ck.String(ck.CKA_LABEL, to)})
}

func (k *token) destroy(label string) error {
	id, err := k.find(label)
	if err != nil {
		return err
	}
	return k.DestroyObject(k.user, id)
}

func (k *token) rotate() error {
	so, err := k.Login(ck.CKU_SO, []byte(soPIN))
	if err != nil {
		return err
	}
	defer k.Logout(so)
	return k.RotateKeys(context.Background(), api.Caller{Identity: so, Session: 2, ReadWrite: true}, func(int, int) {})
}

// use encrypts a block of zeros, which tells keys apart.
func (k *token) use(id api.ObjectID) (string, error) {
	op, err := k.Encrypt(k.user, &ck.Mechanism{Type: ck.CKM_AES_ECB}, id)
	if err != nil {
		return "", err
	}
	defer op.Close()
	out := make([]byte, 16)
	_, err = op.OneShot(out, make([]byte, 16))
	return string(out), err
}

// world is all that a partition holds: keys by label, as use tells them.
type world struct {
	keys map[string]string
	pin  string
}

// look opens every record of a partition and uses every key.
func look(dir string) (w world, err error) {
	k, err := open(dir, userPIN)
	w.pin = userPIN
	if ck.Code(err) == ck.CKR_PIN_INCORRECT {
		w.pin = newPIN
		k, err = open(dir, newPIN)
	}
	if err != nil {
		return w, err
	}
	defer k.Close()
	w.keys, err = k.keys()
	return w, err
}

// check reads all of a partition, as coffer check does.
func check(dir, pin string) error {
	st, err := store.OpenFile(dir, store.Options{})
	if err != nil {
		return err
	}
	defer st.Close()
	private, err := partition.UnlockPrivate(st, root(), options, ck.CKU_USER, "", []byte(pin))
	if err != nil {
		return err
	}
	defer private.Zero()
	var found []error
	for _, p := range store.Examine(dir, store.Options{}, func(tx store.Tx) error {
		x := partition.Examine(tx, tx.Generation(), root(), options, private)
		for _, f := range x.Findings {
			found = append(found, fmt.Errorf("%s: %w", f.Name(), f.Err))
		}
		if x.Unopened > 0 {
			found = append(found, fmt.Errorf("%d records were not opened", x.Unopened))
		}
		return nil
	}) {
		if !p.Leftover { // of a compaction, at the end of a rotation
			found = append(found, p.Err)
		}
	}
	return errors.Join(found...)
}

// keys uses every key there is. One that another process destroys meanwhile is not.
func (k *token) keys() (map[string]string, error) {
	all := map[string]string{}
	ids, err := k.Find(k.user, ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY)})
	if err != nil {
		return nil, err
	}
	gone := 0
	for _, id := range ids {
		label, print, err := k.labelAndUse(id)
		switch {
		case ck.Code(err) == ck.CKR_OBJECT_HANDLE_INVALID && !k.Exists(k.user, id):
			gone++
		case err != nil:
			return nil, err
		default:
			all[label] = print
		}
	}
	if len(all)+gone != len(ids) {
		return nil, errors.New("two keys of one label")
	}
	return all, nil
}

func (k *token) labelAndUse(id api.ObjectID) (label, print string, err error) {
	want := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_LABEL}}}
	if err := k.Attributes(k.user, id, want); err != nil {
		return "", "", err
	}
	print, err = k.use(id)
	return string(want[0].Value), print, err
}

// action is a change, with what it makes of a world.
type action struct {
	do   func(*token) error
	make func(before *world, after world) // after, for what is random
}

var actions = map[string]action{
	"create": {func(k *token) error { return k.create("new") },
		func(w *world, after world) { w.keys["new"] = after.keys["new"] }},
	"modify": {func(k *token) error { return k.rename("old", "renamed") },
		func(w *world, _ world) { w.keys["renamed"] = w.keys["old"]; delete(w.keys, "old") }},
	"destroy": {func(k *token) error { return k.destroy("old") },
		func(w *world, _ world) { delete(w.keys, "old") }},
	"PIN": {func(k *token) error { return k.SetPIN(ck.CKU_USER, []byte(userPIN), []byte(newPIN)) },
		func(w *world, _ world) { w.pin = newPIN }},
	"rotate": {(*token).rotate, func(*world, world) {}},
}

// moveOn is of partitions with PINs of version 1 alone: the user's login has moved one
// record on before it, and the SO's moves on the other.
var moveOn = action{func(k *token) error { return k.CheckSO([]byte(soPIN)) }, func(*world, world) {}}

func actionOf(name string) action {
	if name == "move on" {
		return moveOn
	}
	return actions[name]
}

// judge says whether a world is as an action may have left it: done, or not at
// all, unless it was acknowledged.
func (a action) judge(before, now world, acknowledged bool) error {
	now = world{maps.Clone(now.keys), now.pin}
	delete(now.keys, "later") // of the tests themselves
	if !acknowledged && now.same(before) {
		return nil
	}
	after := world{maps.Clone(before.keys), before.pin}
	a.make(&after, now)
	if now.same(after) {
		return nil
	}
	return fmt.Errorf("acknowledged: %v; keys %q, PIN %s", acknowledged, now.keys, now.pin)
}

func (w world) same(o world) bool { return w.pin == o.pin && maps.Equal(w.keys, o.keys) }

// newToken makes a partition with a few keys, one of them called "old".
func newToken(t *testing.T) (dir string, w world) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "base")
	st, err := store.CreateFile(dir, store.Options{})
	if err == nil {
		err = errors.Join(partition.Create(st, root(), options, "test", []byte(soPIN), nil), st.Close())
	}
	if err == nil {
		err = setUserPIN(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	k, err := open(dir, userPIN)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	for n := range 12 { // enough for trees of several pages
		label := fmt.Sprint(n)
		if n == 7 {
			label = "old"
		}
		if err := k.create(label); err != nil {
			t.Fatal(err)
		}
	}
	w.pin = userPIN
	if w.keys, err = k.keys(); err != nil {
		t.Fatal(err)
	}
	return dir, w
}

func setUserPIN(dir string) error {
	st, err := store.OpenFile(dir, store.Options{})
	if err != nil {
		return err
	}
	p, err := partition.Open(st, root(), options)
	if err != nil {
		return err
	}
	defer p.Close()
	so, err := p.Login(ck.CKU_SO, []byte(soPIN))
	if err != nil {
		return err
	}
	return p.InitPIN(api.Caller{Identity: so, ReadWrite: true}, []byte(userPIN))
}
