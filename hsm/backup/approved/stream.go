package approved

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

const (
	chunkSize = 64 << 10
	nonceSize = 12
	tagSize   = 16
	overhead  = nonceSize + tagSize
	sealedKey = keySize + overhead
)

// newAEAD returns AES-256-GCM with a random nonce in front of the ciphertext (SP 800-38D,
// section 8.2.2).
func newAEAD(key *secret.Bytes) (cipher.AEAD, error) {
	defer runtime.KeepAlive(key)
	block, err := aes.NewCipher(key.Expose())
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// chunkData is what binds a chunk to its place.
func chunkData(n uint64, last bool) []byte {
	b := append(binary.BigEndian.AppendUint64(make([]byte, 0, 9), n), 0)
	if last {
		b[8] = 1
	}
	return b
}

// Seal begins an envelope on w, for all of to. front is what is in front of it in the file,
// which is bound to it. What is written to the result is sealed; Close writes the last of
// it, and does not close w: ErrNobody, ErrPassphrases.
func Seal(w io.Writer, front []byte, to []Recipient) (io.WriteCloser, error) {
	fileKey := newFileKey()
	defer fileKey.Zero()
	head, err := newHead(fileKey, to)
	if err != nil {
		return nil, err
	}
	mac, stream, err := keysOf(fileKey, slices.Concat(front, head))
	if err != nil {
		return nil, err
	}
	defer stream.Zero()
	aead, err := newAEAD(stream)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(append(head, mac...)); err != nil {
		return nil, err
	}
	return &sealer{w: w, aead: aead, plain: make([]byte, 0, chunkSize)}, nil
}

// sealer seals chunks. It holds one back, for it may be the last.
type sealer struct {
	w             io.Writer
	aead          cipher.AEAD
	plain, sealed []byte
	n             uint64 // of the chunk that is being filled
	err           error
}

// Write is of io.Writer.
func (s *sealer) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		if len(s.plain) == chunkSize {
			s.flush(false)
		}
		if s.err != nil {
			return n, s.err
		}
		some := min(len(p), chunkSize-len(s.plain))
		s.plain = append(s.plain, p[:some]...)
		p, n = p[some:], n+some
	}
	return n, s.err
}

// Close seals the last chunk.
func (s *sealer) Close() error {
	if s.err == nil {
		s.flush(true)
	}
	err := s.err
	s.err = io.ErrClosedPipe
	return err
}

func (s *sealer) flush(last bool) {
	s.sealed = s.aead.Seal(s.sealed[:0], nil, s.plain, chunkData(s.n, last))
	clear(s.plain)
	s.plain = s.plain[:0]
	s.n++
	_, s.err = s.w.Write(s.sealed)
}

// Open opens the envelope that r begins with and that goes to its end. front is as in Seal.
// What is read from the result is authentic, and its end is the true one: ErrKey,
// ErrDamaged, here or on reading.
func Open(r io.Reader, front []byte, by []Identity) (io.Reader, error) {
	entries, head, err := readHead(r)
	if err != nil {
		return nil, err
	}
	mac := make([]byte, keySize)
	if _, err := io.ReadFull(r, mac); err != nil {
		return nil, cutOff(err)
	}
	fileKey, err := openHead(entries, by)
	if err != nil {
		return nil, err
	}
	defer fileKey.Zero()
	want, stream, err := keysOf(fileKey, slices.Concat(front, head))
	if err != nil {
		return nil, err
	}
	defer stream.Zero()
	if !hmac.Equal(mac, want) {
		return nil, fmt.Errorf("%w: it does not begin as it was made", ErrDamaged)
	}
	aead, err := newAEAD(stream)
	if err != nil {
		return nil, err
	}
	return &opener{r: r, aead: aead, ahead: make([]byte, 0, chunkSize+overhead+1), buf: make([]byte, 0, chunkSize)}, nil
}

// opener opens chunks. It reads one byte more than a chunk has: by that it tells the last.
type opener struct {
	r     io.Reader
	aead  cipher.AEAD
	ahead []byte // read of the chunk that is next
	buf   []byte // for what is open
	plain []byte // what is open and not read yet
	n     uint64
	err   error // io.EOF after the last chunk
}

// Read is of io.Reader.
func (o *opener) Read(p []byte) (int, error) {
	for len(o.plain) == 0 && len(p) > 0 {
		if o.err != nil {
			return 0, o.err
		}
		o.next()
	}
	n := copy(p, o.plain)
	o.plain = o.plain[n:]
	return n, nil
}

// next opens a chunk.
func (o *opener) next() {
	full := o.ahead[:cap(o.ahead)]
	n, err := io.ReadFull(o.r, full[len(o.ahead):])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		o.err = err
		return
	}
	last := err != nil
	sealed := full[:len(o.ahead)+n]
	if !last {
		sealed = full[:chunkSize+overhead]
	}
	if len(sealed) < overhead || len(sealed) == overhead && o.n > 0 {
		o.err = cutOff(io.EOF)
		return
	}
	if o.plain, err = o.aead.Open(o.buf[:0], nil, sealed, chunkData(o.n, last)); err != nil {
		o.err = fmt.Errorf("%w: part %d of it does not open", ErrDamaged, o.n)
		return
	}
	if o.n++; last {
		o.err = io.EOF
		return
	}
	o.ahead = append(o.ahead[:0], full[chunkSize+overhead])
}
