package seal

import (
	"bytes"
	"crypto/fips140"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"encoding/binary"
	"runtime"
	"runtime/debug"
	"sync"
	"unsafe"

	"golang.org/x/crypto/argon2"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// KDF is how a key is made of a PIN: Argon2id (RFC 9106, version 0x13), or
// PBKDF2-HMAC-SHA-512 (SP 800-132) if Rounds is not 0; the rest is 0 then.
type KDF struct {
	Time    uint32 // passes over the memory
	Memory  uint32 // KiB
	Threads uint8  // lanes
	Rounds  uint32
}

// DefaultKDF costs about 100 ms of one current core and 48 MiB for each guess.
// Two passes, because the known trade of time for memory is best against one;
// one lane, so that a host gets no more threads of ours.
func DefaultKDF() KDF { return KDF{Time: 2, Memory: 48 << 10, Threads: 1} }

// ApprovedKDF is for approved mode, which knows no Argon2id: about as long, but no memory.
func ApprovedKDF() KDF { return KDF{Rounds: MinRounds} }

// InMode is d or, in approved mode, what takes its place there.
func (d KDF) InMode() KDF {
	if fips140.Enabled() && d.Rounds == 0 {
		return ApprovedKDF()
	}
	return d
}

// Bounds of what a blob may ask for: it is read before it is authenticated.
const (
	maxMemory  = 1 << 20 // KiB: 1 GiB
	maxTime    = 64
	maxThreads = 16
	maxWork    = 4 << 20 // KiB filled, passes times memory: some 6 s
	minSalt    = 16
	maxSalt    = 64

	maxPINRounds = 10_000_000 // some 6 s
)

// The numbers of the algorithms in a blob.
const (
	argon2id     = 1
	pbkdf2SHA512 = 2
)

// ok holds a KDF to the bounds and to RFC 9106, section 3.1.
func (d KDF) ok() bool {
	if d.Rounds != 0 {
		return d == KDF{Rounds: d.Rounds} && d.Rounds >= MinRounds && d.Rounds <= maxPINRounds
	}
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
	if h.kdf.Rounds != 0 {
		b = append(b, version, pbkdf2SHA512)
		b = binary.BigEndian.AppendUint32(b, h.kdf.Rounds)
		b = append(b, 0, 0, 0, 0, 0, byte(len(h.salt)))
	} else {
		b = append(b, version, argon2id)
		b = binary.BigEndian.AppendUint32(b, h.kdf.Time)
		b = binary.BigEndian.AppendUint32(b, h.kdf.Memory)
		b = append(b, h.kdf.Threads, byte(len(h.salt)))
	}
	return append(b, h.salt...)
}

const pinFixed = 12 // bytes of the header before the salt

// parsePIN splits a blob into the header, its bytes, and the sealed key.
func parsePIN(blob []byte) (h pinHeader, head, sealed []byte, ok bool) {
	if len(blob) < pinFixed || blob[0] != version {
		return h, nil, nil, false
	}
	first, rest := binary.BigEndian.Uint32(blob[2:]), blob[6:11]
	switch {
	case blob[1] == argon2id:
		h.kdf = KDF{Time: first, Memory: binary.BigEndian.Uint32(rest), Threads: rest[4]}
	case blob[1] == pbkdf2SHA512 && first != 0 && bytes.Equal(rest, make([]byte, len(rest))):
		h.kdf = KDF{Rounds: first}
	default:
		return h, nil, nil, false
	}
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
// HKDF-SHA-256(KDF(PIN, salt) || pepper).
func (p *PartitionRoot) pinKey(role byte, pin []byte, h pinHeader) (*secret.Bytes, error) {
	if p.pepper.Len() != KeySize {
		return nil, ErrWiped
	}
	ikm := secret.New(2 * KeySize)
	defer ikm.Zero()
	if err := h.kdf.stretch(ikm.Expose()[:KeySize], pin, h.salt); err != nil {
		return nil, err
	}
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

// stretch fills dst with what d makes of pin.
func (d KDF) stretch(dst, pin, salt []byte) error {
	if d.Rounds != 0 {
		return stretchPBKDF2(dst, pin, salt, d.Rounds)
	}
	d.stretchArgon2id(dst, pin, salt)
	return nil
}

// stretchPBKDF2 fills dst with PBKDF2-HMAC-SHA-512 of pin. The standard library wants a
// string: this one is the caller's own memory, and nobody has it when the call is done.
func stretchPBKDF2(dst, pin, salt []byte, rounds uint32) error {
	out, err := pbkdf2.Key(sha512.New, unsafe.String(unsafe.SliceData(pin), len(pin)), salt, int(rounds), len(dst))
	copy(dst, out)
	clear(out)
	return err
}

// stretchArgon2id fills dst with Argon2id of pin. Argon2's scratch memory is on the Go
// heap, out of reach for wiping: giving it back to the system at once wipes it,
// and keeps the host from carrying it along.
func (d KDF) stretchArgon2id(dst, pin, salt []byte) {
	stretching.Lock()
	defer stretching.Unlock()
	out := argon2.IDKey(pin, salt, d.Time, d.Memory, d.Threads, KeySize)
	copy(dst, out)
	clear(out)
	debug.FreeOSMemory()
}
