package seal

import (
	"crypto/hmac"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"runtime"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// A key can be a recipient: others seal keys to its public half without knowing it.
// That is HPKE (RFC 9180) in base mode with the hybrid of ML-KEM-768 and X25519, so
// that neither alone has to hold; HKDF-SHA-256; AES-256-GCM.

// Lengths of the hybrid's public and encapsulated keys, in bytes.
const (
	RecipientSize = 1184 + 32
	enclosed      = 1 + 1088 + 32 + KeySize + 16
)

var (
	recipientKEM  = hpke.MLKEM768X25519
	recipientKDF  = hpke.HKDFSHA256
	recipientAEAD = hpke.AES256GCM
)

// pair is the private half of k as a recipient. It is on the Go heap: callers run in
// secret.Do.
func (k *Key) pair(partition [16]byte) (hpke.PrivateKey, error) {
	seed, err := expand(k.key, "recipient", partition[:])
	if err != nil {
		return nil, err
	}
	defer seed.Zero()
	defer runtime.KeepAlive(seed)
	return recipientKEM().NewPrivateKey(seed.Expose())
}

// Recipient is the public half of k, RecipientSize bytes, which tells nothing of k.
func (k *Key) Recipient(partition [16]byte) (public []byte, err error) {
	secret.Do(func() {
		var private hpke.PrivateKey
		if private, err = k.pair(partition); err == nil {
			public = private.PublicKey().Bytes()
		}
	})
	return public, err
}

// Enclose seals k to a recipient. purpose is bound to the result, as is the partition.
// Whoever knows the public half can do that: who opens it must find out otherwise
// whether it is from somebody who may.
func (k *Key) Enclose(partition [16]byte, public []byte, purpose string) (blob []byte, err error) {
	defer runtime.KeepAlive(k)
	if k.key.Len() != KeySize {
		return nil, ErrWiped
	}
	to, err := recipientKEM().NewPublicKey(public)
	if err != nil {
		return nil, ErrSealBroken
	}
	secret.Do(func() {
		blob, err = hpke.Seal(to, recipientKDF(), recipientAEAD(), enclosing(partition, purpose), k.key.Expose())
	})
	return append([]byte{version}, blob...), err
}

// Disclose is the reverse of Enclose, by the recipient k: ErrSealBroken.
func (k *Key) Disclose(partition [16]byte, blob []byte, purpose string) (*Key, error) {
	if len(blob) != enclosed || blob[0] != version {
		return nil, ErrSealBroken
	}
	var plain []byte
	var err error
	secret.Do(func() {
		var private hpke.PrivateKey
		if private, err = k.pair(partition); err == nil {
			plain, err = hpke.Open(private, recipientKDF(), recipientAEAD(), enclosing(partition, purpose), blob[1:])
		}
	})
	if err != nil || len(plain) != KeySize {
		return nil, ErrSealBroken
	}
	return &Key{secret.From(plain)}, nil
}

func enclosing(partition [16]byte, purpose string) []byte {
	info := append([]byte(prefix), "enclosed"...)
	info = append(info, partition[:]...)
	return append(info, purpose...)
}

// MAC authenticates values to whoever has k: HMAC-SHA-256 as PartitionRoot.MAC's, under
// a key expanded from k. A wiped k gives random bytes, which fit nothing.
func (k *Key) MAC(partition [16]byte, label string, data ...[]byte) (tag [32]byte) {
	key, err := expand(k.key, "mac", partition[:])
	if err != nil {
		rand.Read(tag[:])
		return tag
	}
	defer key.Zero()
	return macUnder(key, label, data)
}

// macUnder is HMAC-SHA-256 over label and data, each with its length in front.
func macUnder(key *secret.Bytes, label string, data [][]byte) (tag [32]byte) {
	h := hmac.New(sha256.New, key.Expose())
	runtime.KeepAlive(key)
	writePart(h, []byte(label))
	for _, b := range data {
		writePart(h, b)
	}
	h.Sum(tag[:0])
	return tag
}

func writePart(h hash.Hash, b []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(b)))
	h.Write(length[:])
	h.Write(b)
}
