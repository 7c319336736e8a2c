package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/coffer-hsm/coffer/hsm/store"
	"golang.org/x/mod/sumdb/tlog"
)

// batch is a few records and their checkpoint, on their way to the end of the log.
type batch struct {
	lines  []byte
	stored []byte // hashes
	next   end
	cut    int64 // bytes that it tells were torn
}

// build makes the batch of some events. generation is the store's that they make, or 0.
func (h *hold) build(events []Event, generation uint64) (*batch, error) {
	b := &batch{next: h.at, cut: h.cut + h.size - h.at.offset}
	if b.cut > 0 {
		detail := fmt.Sprintf("%d bytes behind record %d had not been acknowledged", b.cut, h.at.Size)
		events = append([]Event{{Act: LogCut, Detail: detail}}, events...)
	}
	for i := range events {
		text, err := line(events[i].record(b.next.edge.size, generation))
		if err != nil {
			return nil, err
		}
		if err := b.add(text); err != nil {
			return nil, err
		}
	}
	c := Checkpoint{Name: h.at.Name, Size: b.next.edge.size, Generation: max(h.at.Generation, generation)}
	var err error
	if c.Root, err = b.next.edge.root(); err != nil {
		return nil, err
	}
	if err := c.sign(h.signer); err != nil {
		return nil, err
	}
	text, err := line(checkpointLine{formatVersion, c.Note})
	if err != nil {
		return nil, err
	}
	b.end(c, text)
	return b, nil
}

// add puts the line of a record into the batch.
func (b *batch) add(text []byte) error {
	hashes, err := b.next.edge.push(tlog.RecordHash(text[:len(text)-1]))
	if err != nil {
		return err
	}
	b.lines = append(b.lines, text...)
	for _, hash := range hashes {
		b.stored = append(b.stored, hash[:]...)
	}
	return nil
}

// end puts the checkpoint line into the batch.
func (b *batch) end(c Checkpoint, text []byte) {
	b.lines = append(b.lines, text...)
	b.next.Checkpoint = c
	b.next.offset += int64(len(b.lines))
}

// write appends a batch. What was torn is set aside first. The file of hashes is
// made anew if it is not what it should be, so its errors do not count.
func (h *hold) write(b *batch) error {
	if err := h.setAside(); err != nil {
		return err
	}
	if err := store.CheckRoom(h.log.Name(), len(b.lines)); err != nil {
		return err
	}
	if _, err := h.log.WriteAt(b.lines, h.at.offset); err != nil {
		return errors.Join(err, h.log.Truncate(h.at.offset))
	}
	_, _ = h.hashes.WriteAt(b.stored, tlog.StoredHashCount(h.at.Size)*tlog.HashSize)
	h.at, h.seen = b.next, true
	h.size = b.next.offset
	h.cut -= b.cut
	return nil
}

// setAside moves what is behind the last checkpoint to a file of its own.
func (h *hold) setAside() error {
	n := h.size - h.at.offset
	if n <= 0 {
		return nil
	}
	torn := make([]byte, n)
	if _, err := h.log.ReadAt(torn, h.at.offset); err != nil {
		return err
	}
	if isNewer(torn) {
		return ErrNewer
	}
	f, err := store.OpenPrivate(filepath.Join(h.dir, tornName), os.O_WRONLY|os.O_CREATE|os.O_APPEND)
	if err != nil {
		return err
	}
	_, err = f.Write(torn)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := h.log.Truncate(h.at.offset); err != nil {
		return err
	}
	h.size = h.at.offset
	h.cut += n
	return nil
}

// isNewer reports whether what seems torn was written by a later version.
func isNewer(torn []byte) bool {
	for text := range bytes.Lines(torn) {
		if bytes.HasPrefix(text, []byte(`{"v":`)) && !bytes.HasPrefix(text, []byte(`{"v":1,`)) && text[len(text)-1] == '\n' {
			return true
		}
	}
	return false
}

// Append records events that change nothing in the store. They are durable when it
// returns.
func (l *Log) Append(events ...Event) error { return l.append(events, true) }

func (l *Log) append(events []Event, sync bool) error {
	for range settleTries {
		err := l.appendOnce(events, sync)
		if !errors.Is(err, errUnsettled) || l.view == nil {
			return err
		}
		if err := l.Settle(); err != nil {
			return err
		}
	}
	return errUnsettled
}

func (l *Log) appendOnce(events []Event, sync bool) error {
	h, err := l.acquire(false)
	if err != nil {
		return err
	}
	defer h.release()
	if h.marked() != (mark{}) {
		return errUnsettled
	}
	if err := h.catchUp(); err != nil {
		return err
	}
	b, err := h.build(events, 0)
	if err != nil {
		return err
	}
	if err := h.write(b); err != nil {
		return err
	}
	if sync {
		return h.sync()
	}
	return nil
}
