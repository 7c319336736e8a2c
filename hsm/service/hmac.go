package service

import (
	"crypto/fips140"
	"crypto/hmac"
	"hash"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// HMAC (FIPS 198-1) over every hash of the table, with generic secrets and with
// the key type of that hash.
func init() {
	for i := range hashes {
		h := &hashes[i]
		mac := macAlgorithm{size: h.size, start: h.startHMAC}
		register(
			mac.full(hmacMechanism(h, h.hmac.full)),
			mac.general(hmacMechanism(h, h.hmac.general)),
		)
	}
}

// hmacMechanism is a mechanism of HMAC keys; sizes are in bytes.
func hmacMechanism(h *hashInfo, t ck.MechanismType) Mechanism {
	return Mechanism{
		Type: t, Min: minSecret, Max: maxSecret,
		KeyTypes: []ck.KeyType{ck.CKK_GENERIC_SECRET, h.hmac.keyType},
	}
}

// minApprovedMAC is the shortest key in bytes that SP 800-131A Rev. 2, section 10,
// approves for HMAC. Enforced, crypto/hmac panics over a shorter one.
const minApprovedMAC = 112 / 8

// keyedHashes are the states of a MAC under one key that are not in use, those of HMAC with
// one hash: to begin with the key once more would cost two blocks, and leave it on the heap
// once more.
type keyedHashes struct {
	hash *hashInfo // nil of CMAC
	idle sync.Pool
	next *keyedHashes // with another hash
}

// with finds those with h, nil if there are none yet. The list may be nil.
func (l *keyedHashes) with(h *hashInfo) *keyedHashes {
	for l != nil && l.hash != h {
		l = l.next
	}
	return l
}

// keyedHashes returns those of the key with h.
func (k *Key) keyedHashes(h *hashInfo) *keyedHashes {
	for {
		first := k.macs.Load()
		if l := first.with(h); l != nil {
			return l
		}
		k.macs.CompareAndSwap(first, &keyedHashes{hash: h, next: first})
	}
}

// idleMAC takes a state that is not in use, nil if there is none.
func (k *Key) idleMAC(h *hashInfo) *summer {
	l := k.macs.Load().with(h)
	if l == nil {
		return nil
	}
	return taken(&l.idle)
}

// newKeyedHash begins HMAC with a key. The inner hash is caught as crypto/hmac makes it,
// which shows it to nobody: a MAC is saved by its state. The first Reset keeps the states
// after the key in its place.
func newKeyedHash(h *hashInfo, key []byte, idle *sync.Pool) *summer {
	m := &summer{idle: idle, busy: true}
	secret.Do(func() {
		m.Hash = hmac.New(func() hash.Hash {
			m.inner = h.new()
			return m.inner
		}, key)
		m.Reset()
	})
	return m
}

// startHMAC takes a state that is idle, which only a key has whose size is right, or
// begins with the key.
func (h *hashInfo) startHMAC(k *Key) (*summer, error) {
	if s := k.idleMAC(h); s != nil {
		return s, nil
	}
	key, shortest := k.Value(), minSecret
	if fips140.Enforced() {
		shortest = minApprovedMAC
	}
	if len(key) < shortest || len(key) > maxSecret {
		return nil, ck.CKR_KEY_SIZE_RANGE
	}
	return newKeyedHash(h, key, &k.keyedHashes(h).idle), nil
}
