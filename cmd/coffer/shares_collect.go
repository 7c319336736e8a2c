package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/seal/share"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// collectOptions are the flags of who gathers shares.
type collectOptions struct {
	files, identities []string
}

func (o *collectOptions) register(c *cobra.Command) {
	c.Flags().StringArrayVar(&o.files, "share-file", nil, "read a share from `FILE`; once for each (default: ask at the terminal)")
	o.registerIdentity(c)
}

func (o *collectOptions) registerIdentity(c *cobra.Command) {
	c.Flags().StringArrayVar(&o.identities, "identity", nil, "decrypt shares with the age identities in `FILE`")
}

// sharesKey gathers the shares of a sealed copy.
func sharesKey(_ *tool, o *sealOptions, s *seal.Slot) (*secret.Bytes, error) {
	known, err := knownShares(s)
	if err != nil {
		return nil, err
	}
	return o.collect.gather(known)
}

// gather gets the shares of a set, from files and, if those are not enough, by asking.
func (o *collectOptions) gather(known share.Known) (*secret.Bytes, error) {
	c := share.Collect(known)
	defer c.Zero()
	for _, path := range o.files {
		s, err := readShare(path, o.identities)
		if err != nil {
			return nil, err
		}
		if err := c.Add(s); err != nil {
			s.Zero()
			return nil, fmt.Errorf("%s: %w", plain(path), err)
		}
	}
	if c.Missing() > 0 {
		err := withTerminal(func(tty *os.File) error { return askShares(tty, c) })
		if err != nil && !errors.Is(err, errNoTerminal) {
			return nil, err
		}
	}
	key, err := c.Key()
	if errors.Is(err, share.ErrTooFew) {
		return nil, hintf("give more of them: --share-file, or at the terminal", "%w", err)
	}
	return key, err
}

// maxShareFile is more than any share, in bytes, encrypted or not.
const maxShareFile = 64 << 10

// readShare reads a share from a file, decrypting it if need be.
func readShare(path string, identities []string) (*share.Share, error) {
	s, err := readShareFile(path, identities)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", plain(path), err)
	}
	return s, nil
}

func readShareFile(path string, identities []string) (*share.Share, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := make([]byte, maxShareFile)
	defer clear(buf)
	n, err := io.ReadFull(f, buf)
	if err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, orTooLong(err)
	}
	text := secret.From(buf[:n])
	defer func() { text.Zero() }()
	if isOpenPGP(text.Expose()) {
		return nil, errOpenPGPShare
	}
	if isArmored(text.Expose()) {
		plain, err := decryptWith(identities, text.Expose())
		if err != nil {
			return nil, err
		}
		text.Zero()
		text = plain
	}
	return share.Parse(text.Expose())
}

// orTooLong is the error of a file that fills all the room there was.
func orTooLong(err error) error {
	if err == nil {
		return errors.New("too long to be a share")
	}
	return err
}

// askShares asks for shares until there are enough. An empty line ends it before.
func askShares(tty io.ReadWriter, c *share.Collection) error {
	for c.Missing() > 0 {
		fmt.Fprintf(tty, "%s\nShares that are still needed: %d. Type the four lines of one; an empty line gives up.\n", c.Set(), c.Missing())
		s, err := askShare(tty)
		if s == nil && err == nil {
			return nil
		}
		fmt.Fprint(tty, clearScreen)
		if err == nil {
			if err = c.Add(s); err != nil {
				s.Zero()
			}
		}
		if err != nil && !isShareError(err) {
			return err
		}
		if err != nil {
			fmt.Fprintf(tty, "Not taken: %v\n", err)
		}
	}
	return nil
}

// isShareError tells what is wrong with a share from what is wrong with the terminal.
func isShareError(err error) bool {
	for _, e := range []error{share.ErrForeign, share.ErrNewer, share.ErrUse, share.ErrOf, share.ErrSet, share.ErrTwice, share.ErrForged} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// askShare asks for the lines of one share, and again for one that is mistyped. No share
// and no error is an empty line.
func askShare(tty io.ReadWriter) (*share.Share, error) {
	var r share.Reader
	defer r.Zero()
	var buf [lineMax]byte
	defer clear(buf[:])
	for r.Next() != 0 {
		fmt.Fprintf(tty, "Line %d: ", r.Next())
		line, err := readLine(tty, buf[:])
		if err != nil {
			return nil, err
		}
		if len(line) == 0 {
			return nil, nil
		}
		err = r.Add(line)
		if errors.Is(err, share.ErrLine) {
			fmt.Fprintf(tty, "%v: once more\n", err)
		} else if err != nil {
			return nil, err
		}
	}
	return r.Share()
}
