package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/seal/share"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// dealOptions are the flags of who deals shares to custodians.
type dealOptions struct {
	threshold, shares int
	dir               string
	recipients        []string
}

func (o *dealOptions) register(c *cobra.Command) {
	c.Flags().IntVar(&o.threshold, "threshold", 0, "`M` shares open it")
	c.Flags().IntVar(&o.shares, "shares", 0, "make `N` shares")
	c.Flags().StringVar(&o.dir, "out-dir", "", "write the shares to new files in `DIR` (default: show them at the terminal, one at a time)")
	c.Flags().StringArrayVar(&o.recipients, "recipient", nil, "encrypt the next share to this age `RECIPIENT` (age1...); once for each share")
}

// newSharesSeal deals a new key. The shares are handed out before anything is sealed
// with it: whoever is cut off has shares of nothing.
func newSharesSeal(t *tool, o *sealOptions) (*seal.Sealer, error) {
	if known, err := knownShares(o.former); err == nil && o.deal.threshold == 0 && o.deal.shares == 0 {
		o.deal.threshold, o.deal.shares = known.Needed, known.Total
	}
	if o.deal.threshold == 0 || o.deal.shares == 0 {
		return nil, &advised{errors.New("--threshold and --shares are missing: 3 of 5, say"), "", exitUsage}
	}
	var of [8]byte
	if _, err := hex.Decode(of[:], []byte(o.root)); err != nil {
		return nil, err
	}
	key, shares, err := share.Deal(share.RootKey, of, o.deal.threshold, o.deal.shares)
	if err != nil {
		return nil, &advised{err, "", exitUsage}
	}
	defer func() {
		for _, s := range shares {
			s.Zero()
		}
	}()
	if err := t.handOut(shares, o.name, &o.deal); err != nil {
		key.Zero()
		return nil, err
	}
	return &seal.Sealer{Kind: seal.KindShares, Params: share.KnownOf(shares).Params(), Key: key}, nil
}

// knownShares reads what a sealed copy tells of its shares.
func knownShares(s *seal.Slot) (share.Known, error) {
	if s == nil || s.Kind != seal.KindShares {
		return share.Known{}, share.ErrKnown
	}
	return share.ParseKnown(share.RootKey, s.Root, s.Params)
}

// handOut gives every custodian his share, in the way that o asks for. name is what
// they are called by: it is in the text, and the files' names begin with it.
func (t *tool) handOut(shares []*share.Share, name string, o *dealOptions) error {
	if n := len(o.recipients); n != 0 && n != len(shares) {
		return &advised{fmt.Errorf("%d recipients for %d shares: give --recipient once for each", n, len(shares)), "", exitUsage}
	}
	sealed, err := parseRecipients(o.recipients)
	if err != nil {
		return &advised{err, "", exitUsage}
	}
	note := fmt.Sprintf("called %s; dealt on %s", name, time.Now().Format(time.DateOnly))
	texts := make([]*secret.Bytes, len(shares))
	for i, s := range shares {
		texts[i] = s.Text(note)
		defer texts[i].Zero()
		if sealed != nil {
			armored, err := encryptTo(sealed[i], texts[i])
			if err != nil {
				return err
			}
			texts[i].Zero()
			texts[i] = armored
		}
	}
	switch {
	case o.dir != "":
		return t.writeShares(texts, o.dir, name, sealed != nil)
	case sealed != nil:
		for _, text := range texts {
			t.out.Write(text.Expose())
		}
		return nil
	}
	err = withTerminal(func(tty *os.File) error { return showShares(tty, texts) })
	if errors.Is(err, errNoTerminal) {
		return hintf("--out-dir writes them to files", "the shares are shown at the terminal: %w", err)
	}
	return err
}

// clearScreen wipes a terminal and what it has scrolled away (ECMA-48, ED; xterm's 3).
const clearScreen = "\x1b[2J\x1b[3J\x1b[H"

// showShares shows one share at a time to who is to have it.
func showShares(tty io.ReadWriter, texts []*secret.Bytes) error {
	var line [lineMax]byte
	for i, text := range texts {
		fmt.Fprintf(tty, "Share %d of %d. Only its custodian looks on. Enter shows it: ", i+1, len(texts))
		if _, err := readLine(tty, line[:]); err != nil {
			return fmt.Errorf("nothing was sealed: %w", err)
		}
		fmt.Fprint(tty, clearScreen)
		tty.Write(text.Expose())
		fmt.Fprint(tty, "Write it down or print it. Enter clears the screen: ")
		_, err := readLine(tty, line[:])
		fmt.Fprint(tty, clearScreen)
		if err != nil {
			return fmt.Errorf("nothing was sealed: %w", err)
		}
	}
	return nil
}

// lineMax is the most that is read of a line at the terminal, in bytes.
const lineMax = 256

// readLine reads a line byte by byte, into buf and nowhere else.
func readLine(r io.Reader, buf []byte) ([]byte, error) {
	for n := 0; n < len(buf); n++ {
		if _, err := io.ReadFull(r, buf[n:n+1]); err != nil {
			return nil, err
		}
		if buf[n] == '\n' {
			return bytes.TrimRight(buf[:n], "\r"), nil
		}
	}
	return nil, errors.New("the line is too long")
}

// writeShares writes the shares to new files that only their owner can read, all or
// none.
func (t *tool) writeShares(texts []*secret.Bytes, dir, name string, sealed bool) error {
	suffix := ".share"
	if sealed {
		suffix += ".age"
	}
	var paths []string
	for i, text := range texts {
		path := filepath.Join(dir, fmt.Sprintf("%s-%d%s", name, i+1, suffix))
		err := writeNew(path, text)
		if err != nil {
			for _, p := range paths {
				os.Remove(p)
			}
			return fmt.Errorf("nothing was sealed: %w", err)
		}
		paths = append(paths, path)
	}
	for _, path := range paths {
		fmt.Fprintf(t.out, "wrote %s\n", plain(path))
	}
	return nil
}

// writeNew writes a file that must not be there yet, and returns when it is on the disk.
func writeNew(path string, text *secret.Bytes) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text.Expose())
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		os.Remove(path)
	}
	return err
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
