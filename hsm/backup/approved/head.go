package approved

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Recipient is whom an envelope is sealed for.
type Recipient interface {
	// wrap puts the file key into a key of the head.
	wrap(fileKey *secret.Bytes) (entry, error)
}

// Identity opens envelopes.
type Identity interface {
	// unwrap gets the file key out of a key of the head: ErrKey if it is not for this one.
	unwrap(e entry) (*secret.Bytes, error)
}

// The kinds of keys of the head, and the lengths of their bodies.
const (
	kindPassphrase = 'P'
	kindShares     = 'S'
	kindRecipient  = 'R'
)

var bodySizes = map[byte]int{
	kindPassphrase: 4 + saltSize + sealedKey,
	kindShares:     sealedKey,
	kindRecipient:  encapsulated + keySize + tagSize,
}

// entry is one key of the head.
type entry struct {
	kind byte
	body []byte
}

func (e entry) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(append(b, e.kind), uint16(len(e.body)))
	return append(b, e.body...)
}

// newHead wraps a file key for all recipients.
func newHead(fileKey *secret.Bytes, to []Recipient) ([]byte, error) {
	if len(to) == 0 || len(to) > 255 {
		return nil, ErrNobody
	}
	head := []byte{byte(len(to))}
	passphrases := 0
	for _, r := range to {
		e, err := r.wrap(fileKey)
		if err != nil {
			return nil, err
		}
		if e.kind == kindPassphrase {
			passphrases++
		}
		head = e.append(head)
	}
	if passphrases > 1 {
		return nil, ErrPassphrases
	}
	return head, nil
}

// readHead reads the keys of the head, and returns them with their bytes.
func readHead(r io.Reader) (entries []entry, head []byte, err error) {
	take := func(n int) []byte {
		b := make([]byte, n)
		if err == nil {
			_, err = io.ReadFull(r, b)
		}
		head = append(head, b...)
		return b
	}
	passphrases := 0
	for range take(1)[0] {
		fixed := take(3)
		size, known := bodySizes[fixed[0]]
		if err == nil && (!known || int(binary.BigEndian.Uint16(fixed[1:])) != size) {
			return nil, nil, fmt.Errorf("%w: it has a key of no known kind", ErrDamaged)
		}
		if fixed[0] == kindPassphrase {
			passphrases++
		}
		entries = append(entries, entry{fixed[0], take(size)})
		if err != nil {
			return nil, nil, cutOff(err)
		}
	}
	if err != nil {
		return nil, nil, cutOff(err)
	}
	if len(entries) == 0 || passphrases > 1 {
		return nil, nil, fmt.Errorf("%w: its keys are not those of a backup", ErrDamaged)
	}
	return entries, head, nil
}

// cutOff is the error of a file that ends too early; those of the system stay.
func cutOff(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: %w", ErrDamaged, io.ErrUnexpectedEOF)
	}
	return err
}

// openHead finds the file key.
func openHead(entries []entry, by []Identity) (*secret.Bytes, error) {
	for _, i := range by {
		for _, e := range entries {
			if fileKey, err := i.unwrap(e); err == nil {
				return fileKey, nil
			}
		}
	}
	return nil, ErrKey
}

// newFileKey makes a file key.
func newFileKey() *secret.Bytes {
	k := secret.New(keySize)
	rand.Read(k.Expose())
	return k
}

// keysOf derives what a file key gives for the head that it is in: the MAC of the head, and
// the key of the stream.
func keysOf(fileKey *secret.Bytes, head []byte) (mac []byte, stream *secret.Bytes, err error) {
	bound := sha256.Sum256(head)
	macKey, err := derive(fileKey, bound[:], "head")
	if err != nil {
		return nil, nil, err
	}
	defer macKey.Zero()
	h := hmac.New(sha256.New, macKey.Expose())
	h.Write(head)
	runtime.KeepAlive(macKey)
	stream, err = derive(fileKey, bound[:], "stream")
	return h.Sum(nil), stream, err
}

// derive is HKDF-SHA-256 with a label of this format.
func derive(from *secret.Bytes, salt []byte, label string) (*secret.Bytes, error) {
	key, err := hkdf.Key(sha256.New, from.Expose(), salt, prefix+label, keySize)
	runtime.KeepAlive(from)
	if err != nil {
		return nil, err
	}
	return secret.From(key), nil
}
