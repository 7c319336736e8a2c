package audit

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// walker reads a log from its start and holds it against its own checkpoints.
type walker struct {
	in   *bufio.Reader
	name string
	v    note.Verifier // nil: signatures are not looked at

	edge   edge
	last   Checkpoint // the last that was read
	offset int64      // behind it
	sound  edge       // at it
	read   int64      // behind the last whole line
}

func newWalker(r io.Reader, name string, v note.Verifier) *walker {
	return &walker{in: bufio.NewReaderSize(r, 64<<10), name: name, v: v}
}

// step is what next has read: a record with its stored hashes, or a checkpoint.
type step struct {
	record     *Record
	hashes     []tlog.Hash
	checkpoint *Checkpoint
}

// next reads a line: io.EOF at the end, also where the rest is no whole line.
func (w *walker) next() (step, error) {
	b, err := w.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return step{}, damaged(w.edge.size, "a line of more than 64 KiB")
	}
	if err != nil {
		return step{}, err
	}
	w.read += int64(len(b))
	b = b[:len(b)-1]
	if isCheckpoint(b) {
		c, err := w.checkpoint(b)
		return step{checkpoint: &c}, err
	}
	r, err := parseRecord(b, w.edge.size)
	if err != nil {
		return step{}, err
	}
	hashes, err := w.edge.push(tlog.RecordHash(b))
	return step{record: &r, hashes: hashes}, err
}

// checkpoint holds the tree so far against a checkpoint line.
func (w *walker) checkpoint(b []byte) (c Checkpoint, err error) {
	c, err = parseCheckpoint(b, verifierOr(w.v, w.name))
	var unknown *note.UnverifiedNoteError
	if w.v == nil && errors.As(err, &unknown) {
		c, err = parseText(unknown.Note.Text) // c.Note stays empty: nobody checked it
	}
	if err != nil {
		return c, damaged(w.edge.size, "%v", err)
	}
	root, err := w.edge.root()
	if err != nil {
		return c, err
	}
	if c.Size != w.edge.size || c.Root != root {
		return c, damaged(w.last.Size, "its records up to %d are not those that were signed", c.Size)
	}
	w.last, w.offset, w.sound = c, w.read, w.edge
	return c, nil
}

// batch reads the records up to the next checkpoint: io.EOF if there is none behind
// them.
func (w *walker) batch() (records []Record, err error) {
	for {
		s, err := w.next()
		if err != nil {
			return nil, err
		}
		if s.checkpoint != nil {
			return records, nil
		}
		records = append(records, *s.record)
	}
}

// rewind goes back behind the last checkpoint, to read f from there again.
func (w *walker) rewind(f io.ReadSeeker) error {
	if _, err := f.Seek(w.offset, io.SeekStart); err != nil {
		return err
	}
	w.in.Reset(f)
	w.read, w.edge = w.offset, w.sound
	return nil
}

// nobody is a verifier that knows no key.
type nobody string

func (n nobody) Name() string          { return string(n) }
func (nobody) KeyHash() uint32         { return 0 }
func (nobody) Verify(_, _ []byte) bool { return false }

func verifierOr(v note.Verifier, name string) note.Verifier {
	if v == nil {
		return nobody(name)
	}
	return v
}

// lastCheckpoint finds the last whole checkpoint line of a log of size bytes and
// returns it without its newline, with the offset behind it: 0 if there is none.
func lastCheckpoint(f io.ReaderAt, size int64) (b []byte, offset int64, err error) {
	for window := int64(4 << 10); ; window *= 4 {
		window = min(window, size)
		buf := make([]byte, window)
		if _, err := f.ReadAt(buf, size-window); err != nil && err != io.EOF {
			return nil, 0, err
		}
		if i := bytes.LastIndex(buf, []byte("\n"+checkpointPrefix)); i >= 0 {
			buf, offset = buf[i+1:], size-window+int64(i)+1
		} else if window == size && isCheckpoint(buf) {
			offset = 0
		} else if window == size {
			return nil, 0, nil
		} else {
			continue
		}
		n := bytes.IndexByte(buf, '\n')
		if n >= 0 {
			return buf[:n], offset + int64(n) + 1, nil
		}
		if offset == 0 {
			return nil, 0, nil
		}
		size = offset // the line is torn: the one before it
		window = 1 << 10
	}
}
