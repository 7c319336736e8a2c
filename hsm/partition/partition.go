// Package partition is one token: the life of its PINs, the objects in it, and
// who may do what with them. It is the local api.Partition: everything is in this
// process but the sealed records, which are in a store that other processes
// share.
//
// What other processes commit is noticed by one memory read at the start of each
// call (sync.go). Private objects are opened at login and forgotten at logout; a
// key's secret is unsealed when the key is first used.
package partition

import (
	"encoding/hex"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// Options are the rules of a partition that configuration sets.
type Options struct {
	KDF seal.KDF // for PINs set from now on; in approved mode PBKDF2 takes the place of Argon2id

	// For partitions made from now on; each keeps what it was made with (POLICY.md).
	Policy string // object.StrictPolicy or object.StandardPolicy
	Dates  bool   // whether keys are used between their dates only
	Uses   bool   // whether uses of keys are recorded in the audit log

	// What is asked of PINs, for partitions made from now on, and for those from
	// before each kept its own, which know no delay.
	MinPIN, MaxPIN int           // bytes
	Tries          int           // wrong PINs until a PIN is locked
	DelayAfter     int           // wrong PINs until the next is refused for a while
	Delay          time.Duration // the first such while; negative for none

	Audit string // the directory of the audit log; empty: there is none

	// Progress is told how many objects of how many have been read, or opened at a
	// login, where they are more than 10,000; by several threads. It may be nil.
	Progress func(done, total int)
}

// Default fills in what is zero: PINs of 4 to 255 bytes, ten tries, a delay of 1 s
// after three wrong ones, Argon2id, the policy strict.
func (o Options) Default() Options {
	if o.MinPIN == 0 {
		o.MinPIN = 4
	}
	if o.MaxPIN == 0 {
		o.MaxPIN = 255
	}
	if o.Tries == 0 {
		o.Tries = 10
	}
	if o.DelayAfter == 0 {
		o.DelayAfter = 3
	}
	if o.Delay == 0 {
		o.Delay = time.Second
	}
	if o.KDF == (seal.KDF{}) {
		o.KDF = seal.DefaultKDF()
	}
	if o.Policy == "" {
		o.Policy = object.StrictPolicy
	}
	return o
}

// PINPolicy is what o asks of PINs.
func (o Options) PINPolicy() api.PINPolicy {
	return api.PINPolicy{MinLength: o.MinPIN, MaxLength: o.MaxPIN, Tries: o.Tries, DelayAfter: o.DelayAfter, Delay: max(0, o.Delay)}
}

// WithPINPolicy is o with another PIN policy.
func (o Options) WithPINPolicy(r api.PINPolicy) Options {
	o.MinPIN, o.MaxPIN, o.Tries, o.DelayAfter, o.Delay = r.MinLength, r.MaxLength, r.Tries, r.DelayAfter, r.Delay
	if r.Delay == 0 {
		o.Delay = -1
	}
	return o
}

// Check holds o against what a partition can be made with: CKR_ARGUMENTS_BAD.
func (o Options) Check() error {
	if _, known := object.PolicyNamed(o.Policy); !known {
		return ck.Errorf(ck.CKR_ARGUMENTS_BAD, "the policy of keys is %s or %s", object.StrictPolicy, object.StandardPolicy)
	}
	return checkPINPolicy(o.PINPolicy())
}

// CheckPIN holds a PIN of a new partition against the policy: CKR_PIN_LEN_RANGE.
func (o Options) CheckPIN(pin []byte) error { return checkPIN(o.PINPolicy(), pin) }

// Partition is an open partition. It satisfies api.Partition.
type Partition struct {
	store   store.Store
	root    *seal.PartitionRoot
	id      [16]byte
	options Options
	rules   *object.Policy // the partition's, for good, as is
	dates   bool           // whether keys have to be in force

	rootName string // fingerprint of the root key that it was opened with

	recorder Recorder
	uses     atomic.Bool // whether it records uses

	// seen is the store's generation word when the cache was last brought up to
	// date. It is read without mu: the common case is that nothing changed.
	seen    atomic.Uint64
	glanced atomic.Pointer[glance]
	closed  atomic.Bool // changed under mu, read without

	forms object.Forms // of session keys

	// states seals what C_GetOperationState hands out.
	states stateKey

	// broken is why the partition could not be opened: every call answers it.
	broken error

	// mu guards all below. Operations are started under RLock, so that Logout,
	// which wipes keys under Lock, never meets one half made. Session objects come and
	// go under RLock as well, and have locks of their own.
	mu          sync.RWMutex
	header      header
	generation  uint64
	sum         seal.SetDigest
	metas       map[string]seenMeta
	private     *seal.Key               // what PINs open: it wraps the keys of private objects; nil until a login
	privateTerm uint32                  // of private
	rings       rings                   // the keys that seal records
	termsOf     []byte                  // the value that the rings are of
	objects     map[api.ObjectID]*entry // of the token
	sessions    sessionObjects
	recent      recent // of objects and identities
	index       index
	identities  map[api.Identity]identity
	lastID      api.Identity
}

var _ api.Partition = (*Partition)(nil)

// Create makes a partition in an empty store: label, a fresh set of keys, an SO
// PIN, and a user PIN unless userPIN is nil: then there is none until InitPIN.
func Create(st store.Store, root *seal.Root, o Options, label string, soPIN, userPIN []byte) error {
	o = o.Default()
	if err := o.Check(); err != nil {
		return err
	}
	if err := o.CheckPIN(soPIN); err != nil {
		return err
	}
	if err := o.CheckPIN(userPIN); userPIN != nil && err != nil {
		return err
	}
	h, err := newHeader(label)
	if err != nil {
		return err
	}
	h.Policy, h.Dates = o.Policy, o.Dates
	keys, err := seal.NewPartitionRoot(h.id)
	if err != nil {
		return err
	}
	defer keys.Zero()
	wrap, err := wrapRoot(root, keys)
	if err != nil {
		return err
	}
	p := &Partition{store: st, root: keys, id: h.id, options: o}
	if err := p.openAudit(o.Audit); err != nil {
		return err
	}
	f, err := p.newFresh(h, soPIN, userPIN)
	if err != nil {
		return err
	}
	w := &writer{p: p, uses: &o.Uses}
	err = st.Update(func(tx store.Tx) error {
		if _, exists := tx.Meta(metaPartition); exists {
			return ck.Errorf(ck.CKR_DEVICE_ERROR, "the store already holds a partition")
		}
		w.tx = tx
		if err := w.putRoots([]rootWrap{wrap}); err != nil {
			return err
		}
		if err := w.initialise(f); err != nil {
			return err
		}
		if err := w.putPINPolicy(o.PINPolicy()); err != nil {
			return err
		}
		return w.finish()
	})
	w.pending.Done(err)
	return err
}

// Open opens the partition in st. The errors say what is wrong and carry
// CKR_DEVICE_ERROR for a damaged partition and CKR_TOKEN_NOT_RECOGNIZED for one
// that the root key does not fit or that a newer version wrote.
func Open(st store.Store, root *seal.Root, o Options) (*Partition, error) {
	p := &Partition{
		store:      st,
		options:    o.Default(),
		metas:      map[string]seenMeta{},
		objects:    map[api.ObjectID]*entry{},
		identities: map[api.Identity]identity{},
	}
	err := st.View(func(tx store.Tx) (err error) {
		p.id, p.root, p.rootName, err = openRoot(tx, root)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := p.openAudit(o.Audit); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.load(); err != nil {
		return nil, err
	}
	if err := p.recorder.Settle(); err != nil && !errors.Is(err, audit.ErrUnwritten) {
		return nil, auditError(err)
	}
	if p.rules, err = policyOf(p.header); err != nil {
		return nil, err
	}
	p.dates = p.header.Dates
	return p, nil
}

// Broken stands for a partition that cannot be opened, so that its slot stays
// where it is and says what is wrong: CKF_ERROR_STATE, and err for every call.
func Broken(label string, err error) *Partition {
	return &Partition{broken: storeError(err), recorder: noRecorder{}, header: header{Label: label}, options: Options{}.Default()}
}

// Err is why the partition cannot be used; nil if it can.
func (p *Partition) Err() error { return p.sync() }

// Close forgets everything that was open, wipes the keys and closes the store. No
// operation is under way.
func (p *Partition) Close() error { return p.close((*entry).wipe) }

// Abandon is Close where operations may be under way, because the partition is gone for
// this process: they end with the keys that they have, which are wiped after that.
func (p *Partition) Abandon() error { return p.close((*entry).drop) }

// close closes the partition, and lets go of the keys by leave.
func (p *Partition) close(leave func(*entry)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Swap(true) {
		return nil
	}
	for e := range p.all() {
		leave(e)
	}
	open := make([]string, 0, len(p.identities))
	for id := range p.identities {
		open = append(open, p.whoIs(api.Caller{Identity: id}))
	}
	p.forgetAll()
	if p.broken != nil {
		return nil
	}
	for _, who := range open {
		_ = p.recorder.Note(audit.Event{Act: audit.Logout, Who: who, Detail: "the program ended"})
	}
	return errors.Join(auditError(p.recorder.Close()), p.store.Close())
}

// Initialise is C_InitToken on a partition that exists: soPIN must be its SO PIN
// (failures count), then all objects, all users and the user PIN are gone and the
// keys new. The policies stay.
func (p *Partition) Initialise(soPIN []byte, label string) error {
	var f *fresh // made once, when the PIN has been found right
	err := p.tryPIN(audit.Prove, accountSO, soPIN, func(opened *openPIN) (err error) {
		opened.zero()
		if f == nil {
			if f, err = p.freshAgain(soPIN, label); err != nil {
				return err
			}
		}
		return p.update(func(w *writer) error {
			if _, err := w.stillUnder(accountSO, opened.wrap); err != nil {
				return err
			}
			if err := w.wipe(); err != nil {
				return err
			}
			return w.initialise(*f)
		})
	})
	if err != nil {
		return err
	}
	return p.sync()
}

// freshAgain is what this partition starts with anew.
func (p *Partition) freshAgain(soPIN []byte, label string) (*fresh, error) {
	h, err := newHeader(label)
	if err != nil {
		return nil, err
	}
	h.id = p.id
	h.Serial, h.ID = SerialOf(p.id), hex.EncodeToString(p.id[:])
	h.Policy, h.Dates = p.rules.Name(), p.dates
	f, err := p.newFresh(h, soPIN, nil)
	return &f, err
}

// CheckSO reports whether pin is the SO's; a wrong one counts as a failed login.
func (p *Partition) CheckSO(pin []byte) error { return p.believe(accountSO, pin) }

// Info describes the partition as it is now.
func (p *Partition) Info() api.PartitionInfo {
	flags := ck.Flags(ck.CKF_TOKEN_INITIALIZED | ck.CKF_LOGIN_REQUIRED | ck.CKF_RNG)
	if p.sync() != nil {
		flags |= ck.CKF_ERROR_STATE
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	policy, now := p.pinPolicySeen(), time.Now()
	so, user := p.authSeen(metaSO), p.authSeen(metaUser)
	return api.PartitionInfo{
		Label:    p.header.Label,
		Serial:   p.header.Serial,
		Flags:    flags | pinFlags(so, user, policy, now),
		MinPIN:   policy.MinLength,
		MaxPIN:   policy.MaxLength,
		Objects:  len(p.objects),
		Policy:   p.Policy(),
		Dates:    p.dates,
		PIN:      policy,
		Created:  p.header.Created,
		SOHeld:   so.heldFor(policy, now),
		UserHeld: user.heldFor(policy, now),
		SOBusy:   so.busy(policy, now),
		UserBusy: user.busy(policy, now),
	}
}
