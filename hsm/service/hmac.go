package service

import (
	"crypto/fips140"
	"crypto/hmac"
	"hash"

	"github.com/coffer-hsm/coffer/hsm/ck"
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

// startHMAC keeps hold of the inner hash, which crypto/hmac makes last and shows to
// nobody: a MAC is saved by its state.
func (h *hashInfo) startHMAC(s *summer, k *Key) error {
	key, shortest := k.Value(), minSecret
	if fips140.Enforced() {
		shortest = minApprovedMAC
	}
	if len(key) < shortest || len(key) > maxSecret {
		return ck.CKR_KEY_SIZE_RANGE
	}
	s.Hash = hmac.New(func() hash.Hash {
		s.inner = h.new()
		return s.inner
	}, key)
	return nil
}
