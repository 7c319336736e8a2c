package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"runtime"
	"runtime/debug"
	"sync"

	"golang.org/x/crypto/argon2"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// KDF is how a key is made of a PIN: Argon2id (RFC 9106, version 0x13).
type KDF struct {
	Time    uint32 // passes over the memory
	Memory  uint32 // KiB
	Threads uint8  // lanes
}

// DefaultKDF costs about 100 ms of one current core and 48 MiB for each guess.
// Two passes, because the known trade of time for memory is best against one;
// one lane, so that a host gets no more threads of ours.
func DefaultKDF() KDF { return KDF{Time: 2, Memory: 48 << 10, Threads: 1} }

// Bounds of what a blob may ask for: it is read before it is authenticated.
const (
	maxMemory  = 1 << 20 // KiB: 1 GiB
	maxTime    = 64
	maxThreads = 16
	maxWork    = 4 << 20 // KiB filled, passes times memory: some 6 s
	minSalt    = 16
	maxSalt    = 64
	argon2id   = 1 // the number of the algorithm in a blob
)

// ok holds a KDF to the bounds and to RFC 9106, section 3.1.
func (d KDF) ok() bool {
	return d.Time >= 1 && d.Time <= maxTime &&
		d.Threads >= 1 && d.Threads <= maxThreads &&
		d.Memory >= 8*uint32(d.Threads) && d.Memory <= maxMemory &&
		uint64(d.Time)*uint64(d.Memory) <= maxWork
}

// pinHeader is the part of a blob in front of the sealed key.
type pinHeader struct {
	kdf  KDF
	salt []byte
}

// append writes the header (FORMAT.md, "PIN blob").
func (h pinHeader) append(b []byte) []byte {
	b = append(b, version, argon2id)
	b = binary.BigEndian.AppendUint32(b, h.kdf.Time)
	b = binary.BigEndian.AppendUint32(b, h.kdf.Memory)
	b = append(b, h.kdf.Threads, byte(len(h.salt)))
	return append(b, h.salt...)
}

const pinFixed = 12 // bytes of the header before the salt

// parsePIN splits a blob into the header, its bytes, and the sealed key.
func parsePIN(blob []byte) (h pinHeader, head, sealed []byte, ok bool) {
	if len(blob) < pinFixed || blob[0] != version || blob[1] != argon2id {
		return h, nil, nil, false
	}
	h.kdf.Time = binary.BigEndian.Uint32(blob[2:])
	h.kdf.Memory = binary.BigEndian.Uint32(blob[6:])
	h.kdf.Threads = blob[10]
	n := int(blob[11])
	if !h.kdf.ok() || n < minSalt || n > maxSalt || len(blob) != pinFixed+n+overhead+KeySize {
		return h, nil, nil, false
	}
	h.salt = blob[pinFixed : pinFixed+n]
	return h, blob[:pinFixed+n], blob[pinFixed+n:], true
}

// WrapPIN seals a key under a PIN and the pepper of the partition. role is bound
// to the result, so that the blob of one user is none of another. The PIN is not
// kept and not wiped.
func (p *PartitionRoot) WrapPIN(role byte, pin []byte, kdf KDF, k *Key) ([]byte, error) {
	if !kdf.ok() {
		return nil, ErrKDF
	}
	if k.key.Len() != KeySize {
		return nil, ErrWiped
	}
	h := pinHeader{kdf, make([]byte, minSalt)}
	if _, err := rand.Read(h.salt); err != nil {
		return nil, err
	}
	kek, err := p.pinKey(role, pin, h)
	if err != nil {
		return nil, err
	}
	defer kek.Zero()
	defer runtime.KeepAlive(k)
	head := h.append(nil)
	return sealTo(head, kek, k.key.Expose(), head)
}

// DecoyPIN is a blob that no PIN opens, for someone who does not exist: UnwrapPIN
// works as long over it as over like, a real one.
func DecoyPIN(like []byte) ([]byte, error) {
	h, head, _, ok := parsePIN(like)
	if !ok {
		return nil, ErrKDF
	}
	decoy := bytes.Clone(like)
	_, err := rand.Read(decoy[len(head)-len(h.salt):])
	return decoy, err
}

// UnwrapPIN is the reverse of WrapPIN. Whatever is wrong with PIN or blob, the
// error is ErrWrongPIN.
func (p *PartitionRoot) UnwrapPIN(role byte, pin, blob []byte) (*Key, error) {
	h, head, sealed, ok := parsePIN(blob)
	if !ok {
		return nil, ErrWrongPIN
	}
	kek, err := p.pinKey(role, pin, h)
	if err != nil {
		return nil, err
	}
	defer kek.Zero()
	key, err := openSecret(kek, sealed, head)
	if err != nil {
		return nil, ErrWrongPIN
	}
	return &Key{key}, nil
}

// pinKey makes the key that wraps a partition key:
// HKDF-SHA-256(Argon2id(PIN, salt) || pepper).
func (p *PartitionRoot) pinKey(role byte, pin []byte, h pinHeader) (*secret.Bytes, error) {
	if p.pepper.Len() != KeySize {
		return nil, ErrWiped
	}
	ikm := secret.New(2 * KeySize)
	defer ikm.Zero()
	h.kdf.stretch(ikm.Expose()[:KeySize], pin, h.salt)
	copy(ikm.Expose()[KeySize:], p.pepper.Expose())
	runtime.KeepAlive(p)
	prk, err := extract(ikm.Expose(), []byte(prefix+"pin"))
	if err != nil {
		return nil, err
	}
	defer prk.Zero()
	return expand(prk, "pin", p.id[:], []byte{role})
}

// stretching lets one PIN at a time be stretched, so that many logins at once
// take the memory of one.
var stretching sync.Mutex

// stretch fills dst with Argon2id of pin. Argon2's scratch memory is on the Go
// heap, out of reach for wiping: giving it back to the system at once wipes it,
// and keeps the host from carrying it along.
func (d KDF) stretch(dst, pin, salt []byte) {
	stretching.Lock()
	defer stretching.Unlock()
	out := argon2.IDKey(pin, salt, d.Time, d.Memory, d.Threads, KeySize)
	copy(dst, out)
	clear(out)
	debug.FreeOSMemory()
}
