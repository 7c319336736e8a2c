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

	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/seal/share"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// dealOptions are the flags of who deals shares to custodians.
type dealOptions struct {
	threshold, shares int
	dir               string
	recipients        []string
	approved          bool // algorithms only
}

func (o *dealOptions) register(c *cobra.Command) {
	c.Flags().IntVar(&o.threshold, "threshold", 0, "`M` shares open it")
	c.Flags().IntVar(&o.shares, "shares", 0, "make `N` shares")
	c.Flags().StringVar(&o.dir, "out-dir", "", "write the shares to new files in `DIR` (default: show them at the terminal, one at a time)")
	c.Flags().StringArrayVar(&o.recipients, "recipient", nil, recipientUsage)
}

const recipientUsage = "encrypt the next share to this `RECIPIENT`: of age (age1...), or the OpenPGP key in a file (pgp:FILE); once for each share"

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
	to, err := o.custodians(len(shares))
	if err != nil {
		return err
	}
	note := fmt.Sprintf("called %s; dealt on %s", name, time.Now().Format(time.DateOnly))
	texts := make([]*secret.Bytes, len(shares))
	for i, s := range shares {
		texts[i] = s.Text(note)
		defer func() { texts[i].Zero() }()
		if to == nil {
			continue
		}
		if texts[i], err = to[i].encryptFor(texts[i]); err != nil {
			return err
		}
	}
	switch {
	case o.dir != "":
		return t.writeShares(texts, o.dir, name, to)
	case to != nil:
		return t.printShares(texts)
	}
	err = withTerminal(func(tty *os.File) error { return showShares(tty, texts) })
	if errors.Is(err, errNoTerminal) {
		return hintf("--out-dir writes them to files", "the shares are shown at the terminal: %w", err)
	}
	return err
}

// printShares prints shares that are encrypted. Nobody is to find out later that the
// only ones there were did not get through.
func (t *tool) printShares(texts []*secret.Bytes) error {
	for _, text := range texts {
		if _, err := t.out.Write(text.Expose()); err != nil {
			return fmt.Errorf("nothing was sealed: %w", err)
		}
	}
	if err := t.out.sync(); err != nil {
		return fmt.Errorf("nothing was sealed: %w", err)
	}
	return nil
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
func (t *tool) writeShares(texts []*secret.Bytes, dir, name string, to []custodian) error {
	var paths []string
	for i, text := range texts {
		path := filepath.Join(dir, fmt.Sprintf("%s-%d.share", name, i+1))
		if to != nil {
			path += to[i].suffix
		}
		if err := writeNew(path, text); err != nil {
			for _, p := range paths {
				os.Remove(p)
			}
			return fmt.Errorf("nothing was sealed: %w", err)
		}
		paths = append(paths, path)
	}
	for i, path := range paths {
		fmt.Fprintf(t.out, "wrote %s%s\n", plain(path), whose(to, i))
	}
	return nil
}

// whose says whom a share is encrypted to, where its recipient was the name of a file.
func whose(to []custodian, i int) string {
	if to == nil || to[i].who == "" {
		return ""
	}
	return " for " + to[i].who
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
		err = private.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		os.Remove(path)
	}
	return err
}
