package share

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"runtime"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Errors of reading a share.
var (
	ErrForeign = errors.New("not a share of this program")
	ErrNewer   = errors.New("a share of a newer version of this program: upgrade it")
	// ErrLine says that a line is mistyped or damaged; what is returned names it.
	ErrLine = errors.New("mistyped or damaged")
)

// The form of a share (FORMAT.md).
const (
	title = "coffer share, version 1"

	LineCount = 4 // lines to be typed

	headSize    = 20
	size        = headSize + KeySize
	lineSize    = size / LineCount
	lineCheck   = 2
	lineLetters = (lineSize + lineCheck) * 8 / 5
	group       = 4
)

// head is all of a share but its value.
func (s *Share) head() []byte {
	b := append(make([]byte, 0, headSize), byte(s.Use))
	b = append(b, s.Of[:]...)
	b = append(b, s.ID[:]...)
	return append(b, byte(s.Needed), byte(s.Total), byte(s.Number))
}

// Text is the share as it is printed, with notes for people, one line each, in front of
// the lines to be typed. The caller wipes it.
func (s *Share) Text(notes ...string) *secret.Bytes {
	defer runtime.KeepAlive(s)
	whole := secret.New(size)
	defer whole.Zero()
	copy(whole.Expose(), s.head())
	copy(whole.Expose()[headSize:], s.value.Expose())

	var front []byte
	for _, line := range append([]string{title, fmt.Sprintf("share %d of %s", s.Number, s.Set)}, notes...) {
		front = fmt.Appendf(front, "%s\n", line)
	}
	const lineText = len("1: ") + lineLetters + lineLetters/group // with spaces, and the newline
	text := secret.New(len(front) + LineCount*lineText)
	b := append(text.Expose()[:0], front...)
	for i := range LineCount {
		b = appendLine(b, whole.Expose(), i)
	}
	return text
}

func appendLine(b, share []byte, i int) []byte {
	var bin [lineSize + lineCheck]byte
	var letters [lineLetters]byte
	defer clear(bin[:])
	defer clear(letters[:])
	copy(bin[:], share[i*lineSize:(i+1)*lineSize])
	copy(bin[lineSize:], checkLine(share, i))
	encode(letters[:], bin[:])
	b = append(b, byte('1'+i), ':')
	for at := 0; at < lineLetters; at += group {
		b = append(append(b, ' '), letters[at:at+group]...)
	}
	return append(b, '\n')
}

// checkLine is the check of a line: over it and all before it.
func checkLine(share []byte, i int) []byte {
	h := sha256.New()
	h.Write([]byte(prefix + "line"))
	h.Write(share[:(i+1)*lineSize])
	return h.Sum(nil)[:lineCheck]
}

// Reader takes a share line by line, as a person types it.
type Reader struct {
	share *secret.Bytes
	n     int // lines taken
}

// Next is the number of the line that comes next, from 1; 0 when all are taken.
func (r *Reader) Next() int {
	if r.n == LineCount {
		return 0
	}
	return r.n + 1
}

// Add takes the next line, with its number and a colon in front or without: ErrLine,
// after which it is to be given again, ErrNewer.
func (r *Reader) Add(line []byte) error {
	if r.share == nil {
		r.share = secret.New(size)
	}
	if rest, ok := numbered(line, r.Next()); ok {
		line = rest
	}
	letters := secret.New(lineLetters)
	defer letters.Zero()
	var bin [lineSize + lineCheck]byte
	defer clear(bin[:])
	if r.Next() == 0 || !compact(letters.Expose(), line) || !decode(bin[:], letters.Expose()) {
		return r.mistyped()
	}
	share := r.share.Expose()
	copy(share[r.n*lineSize:], bin[:lineSize])
	if subtle.ConstantTimeCompare(checkLine(share, r.n), bin[lineSize:]) != 1 {
		return r.mistyped()
	}
	if uses[Use(share[0])] == "" {
		return ErrNewer
	}
	r.n++
	return nil
}

func (r *Reader) mistyped() error { return fmt.Errorf("line %d is %w", r.n+1, ErrLine) }

// compact copies the letters of a line without what stands between them. It reports
// whether there are as many as there should be.
func compact(letters, line []byte) bool {
	n := 0
	for _, c := range line {
		if c == ' ' || c == '-' || c == '\t' || c == '\r' || c == '\n' {
			continue
		}
		if n == len(letters) {
			return false
		}
		letters[n] = c
		n++
	}
	return n == len(letters)
}

// numbered cuts the number of a line off.
func numbered(line []byte, n int) ([]byte, bool) {
	return bytes.CutPrefix(bytes.TrimLeft(line, " \t"), fmt.Appendf(nil, "%d:", n))
}

// Share is what was taken, when all lines are: ErrForeign. The caller wipes it.
func (r *Reader) Share() (*Share, error) {
	defer runtime.KeepAlive(r)
	if r.Next() != 0 {
		return nil, fmt.Errorf("line %d is missing: %w", r.n+1, ErrForeign)
	}
	b := r.share.Expose()
	s := &Share{Set: Set{Use: Use(b[0]), Needed: int(b[17]), Total: int(b[18])}, Number: int(b[19])}
	copy(s.Of[:], b[1:])
	copy(s.ID[:], b[9:])
	if !s.ok() || s.Number < 1 || s.Number > s.Total {
		return nil, ErrForeign
	}
	s.value = secret.New(KeySize)
	copy(s.value.Expose(), b[headSize:])
	return s, nil
}

// Zero wipes what was taken.
func (r *Reader) Zero() { r.share.Zero() }

// Parse reads a share as Text writes it: ErrForeign, ErrLine, ErrNewer. The caller wipes
// it, and text.
func Parse(text []byte) (*Share, error) {
	var r Reader
	defer r.Zero()
	for line := range bytes.Lines(text) {
		if r.Next() == 0 {
			break
		}
		if _, ok := numbered(line, r.Next()); !ok {
			continue
		}
		if err := r.Add(line); err != nil {
			return nil, err
		}
	}
	return r.Share()
}
