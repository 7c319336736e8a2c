package backup

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// The kinds of frames (FORMAT.md).
const (
	framePartition = 'P'
	frameValue     = 'V'
	frameRecord    = 'R'
	frameDeleted   = 'D'
	frameEnd       = 'E'
	frameLast      = 'Z'

	wrapSize = 61
)

// frames writes frames. The first error stays.
type frames struct {
	w                *bufio.Writer
	err              error
	records, deleted uint64 // since the last P
}

func (f *frames) write(parts ...[]byte) {
	for _, b := range parts {
		if f.err == nil {
			_, f.err = f.w.Write(b)
		}
	}
}

func sizeOf(b []byte) []byte { return binary.BigEndian.AppendUint32(nil, uint32(len(b))) }

func (f *frames) partition(wrap []byte) {
	f.records, f.deleted = 0, 0
	f.write([]byte{framePartition}, wrap)
}

func (f *frames) value(name string, value []byte) {
	f.write([]byte{frameValue, byte(len(name))}, []byte(name), sizeOf(value), value)
}

func (f *frames) record(id api.ObjectID, record []byte) {
	f.records++
	f.write([]byte{frameRecord}, id[:], sizeOf(record), record)
}

func (f *frames) delete(id api.ObjectID) {
	f.deleted++
	f.write([]byte{frameDeleted}, id[:])
}

func (f *frames) end() {
	b := binary.BigEndian.AppendUint64([]byte{frameEnd}, f.records)
	f.write(binary.BigEndian.AppendUint64(b, f.deleted))
}

func (f *frames) last() error {
	f.write([]byte{frameLast})
	if f.err == nil {
		f.err = f.w.Flush()
	}
	return f.err
}

// visitor is told what the frames of one partition say. Slices are valid until the next
// call.
type visitor interface {
	begin(wrap []byte) error
	value(name string, value []byte) error
	record(id api.ObjectID, record []byte) error
	deleted(id api.ObjectID) error
	end() error
}

// unframer reads frames.
type unframer struct {
	r   *bufio.Reader
	buf []byte
}

var errFrames = errors.New("its parts are not in order")

// partition reads the frames of one partition.
func (u *unframer) partition(v visitor) error {
	kind, err := u.r.ReadByte()
	if err != nil || kind != framePartition {
		return orOrder(err)
	}
	wrap, err := u.take(wrapSize)
	if err != nil {
		return err
	}
	if err := v.begin(wrap); err != nil {
		return err
	}
	var records, deleted uint64
	for {
		kind, err := u.r.ReadByte()
		if err != nil {
			return noEOF(err)
		}
		switch kind {
		case frameValue:
			err = u.readValue(v)
		case frameRecord:
			records++
			err = u.readRecord(v)
		case frameDeleted:
			deleted++
			err = u.readDeleted(v)
		case frameEnd:
			if err := u.readEnd(records, deleted); err != nil {
				return err
			}
			return v.end()
		default:
			err = fmt.Errorf("%w: kind %#x", errFrames, kind)
		}
		if err != nil {
			return err
		}
	}
}

func (u *unframer) readValue(v visitor) error {
	n, err := u.r.ReadByte()
	if err != nil {
		return noEOF(err)
	}
	b, err := u.take(int(n))
	if err != nil {
		return err
	}
	name := string(b)
	if b, err = u.sized(); err != nil {
		return err
	}
	return v.value(name, b)
}

func (u *unframer) readRecord(v visitor) error {
	id, err := u.readID()
	if err != nil {
		return err
	}
	b, err := u.sized()
	if err != nil {
		return err
	}
	return v.record(id, b)
}

func (u *unframer) readDeleted(v visitor) error {
	id, err := u.readID()
	if err != nil {
		return err
	}
	return v.deleted(id)
}

func (u *unframer) readEnd(records, deleted uint64) error {
	b, err := u.take(16)
	if err == nil && (binary.BigEndian.Uint64(b) != records || binary.BigEndian.Uint64(b[8:]) != deleted) {
		err = errFrames
	}
	return err
}

// last reads the end, behind which there is nothing.
func (u *unframer) last() error {
	kind, err := u.r.ReadByte()
	if err != nil || kind != frameLast {
		return orOrder(err)
	}
	if _, err := u.r.ReadByte(); !errors.Is(err, io.EOF) {
		return orOrder(err)
	}
	return nil
}

func (u *unframer) readID() (id api.ObjectID, err error) {
	b, err := u.take(len(id))
	copy(id[:], b)
	return id, err
}

// sized reads bytes with their number in front.
func (u *unframer) sized() ([]byte, error) {
	b, err := u.take(4)
	if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(b)
	if n > store.MaxValue {
		return nil, errFrames
	}
	return u.take(int(n))
}

// take reads n bytes, which are valid until the next take.
func (u *unframer) take(n int) ([]byte, error) {
	if cap(u.buf) < n {
		u.buf = make([]byte, n)
	}
	_, err := io.ReadFull(u.r, u.buf[:n])
	return u.buf[:n], noEOF(err)
}

// noEOF is err where an end is too early.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// orOrder is err, or errFrames if there is none.
func orOrder(err error) error {
	if err == nil {
		return errFrames
	}
	return noEOF(err)
}
