package store

import (
	"errors"
	"sync/atomic"
)

// Faults is a Store that fails once, for tests of what stands on one.
type Faults struct {
	Store
	at    int64
	err   error
	calls atomic.Int64
}

// Faulty returns a Store over s whose call number at, counted from 1, returns
// err. Counted is what can fail: the begin of View and Update, Put, PutMeta,
// Delete, DeleteMeta, Reserve, and the commit of an Update. If err is ErrUncertain and the call a
// commit, the change is made all the same.
func Faulty(s Store, at int, err error) *Faults {
	return &Faults{Store: s, at: int64(at), err: err}
}

// Calls is how many calls were counted so far.
func (f *Faults) Calls() int { return int(f.calls.Load()) }

// next counts a call and returns the error it is to end with.
func (f *Faults) next() error {
	if f.calls.Add(1) == f.at {
		return f.err
	}
	return nil
}

// View is Store's.
func (f *Faults) View(do func(Tx) error) error {
	if err := f.next(); err != nil {
		return err
	}
	return f.Store.View(func(t Tx) error { return do(faultyTx{t, f}) })
}

// Snapshot is Store's.
func (f *Faults) Snapshot(do func(Tx) error) error {
	if err := f.next(); err != nil {
		return err
	}
	return f.Store.Snapshot(func(t Tx) error { return do(faultyTx{t, f}) })
}

// Update is Store's.
func (f *Faults) Update(do func(Tx) error) error {
	if err := f.next(); err != nil {
		return err
	}
	var uncertain error
	err := f.Store.Update(func(t Tx) error {
		if err := do(faultyTx{t, f}); err != nil {
			return err
		}
		err := f.next()
		if errors.Is(err, ErrUncertain) {
			uncertain = err
			return nil
		}
		return err
	})
	return errors.Join(err, uncertain)
}

type faultyTx struct {
	Tx
	faults *Faults
}

func (t faultyTx) Put(id ID, record []byte) error {
	if err := t.faults.next(); err != nil {
		return err
	}
	return t.Tx.Put(id, record)
}

func (t faultyTx) PutMeta(name string, value []byte) error {
	if err := t.faults.next(); err != nil {
		return err
	}
	return t.Tx.PutMeta(name, value)
}

func (t faultyTx) Delete(id ID) error {
	if err := t.faults.next(); err != nil {
		return err
	}
	return t.Tx.Delete(id)
}

func (t faultyTx) DeleteMeta(name string) error {
	if err := t.faults.next(); err != nil {
		return err
	}
	return t.Tx.DeleteMeta(name)
}

func (t faultyTx) Reserve() error {
	if err := t.faults.next(); err != nil {
		return err
	}
	return t.Tx.Reserve()
}
