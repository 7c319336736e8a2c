package main

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// maxPINFile is the most that is read of a PIN file, in bytes: more than any PIN.
const maxPINFile = 4096

// pinSource is where one kind of PIN comes from: the file of a flag, or else an
// environment variable, or else the terminal.
type pinSource struct {
	who       string // "user PIN"
	flag, env string
	file      string        // set by the flag
	given     *secret.Bytes // one that is known already, and not owned; nil: none
}

func (p *pinSource) register(c *cobra.Command) {
	c.Flags().StringVar(&p.file, p.flag, "", fmt.Sprintf("read the %s from `FILE` (- is stdin)", p.who))
}

// read returns a PIN that exists. The caller owns it.
func (p *pinSource) read(t *tool, prompt string) (*secret.Bytes, error) {
	if s, err := p.stored(t); s != nil || err != nil {
		return s, err
	}
	s, err := askSecret(prompt)
	if err != nil {
		return nil, p.advise(err)
	}
	return p.notEmpty(s)
}

// readNew returns a PIN that is about to be set: whoever types it types it twice.
func (p *pinSource) readNew(t *tool, prompt string) (*secret.Bytes, error) {
	if s, err := p.stored(t); s != nil || err != nil {
		return s, err
	}
	first, err := askSecret(prompt)
	if err != nil {
		return nil, p.advise(err)
	}
	second, err := askSecret(prompt + " again")
	if err != nil {
		first.Zero()
		return nil, p.advise(err)
	}
	defer second.Zero()
	if subtle.ConstantTimeCompare(first.Expose(), second.Expose()) != 1 {
		first.Zero()
		return nil, fmt.Errorf("the two entries of the %s differ", p.who)
	}
	return p.notEmpty(first)
}

// stored returns the PIN that is known, or that of the file or the environment, or nil
// if there is none of them.
func (p *pinSource) stored(t *tool) (*secret.Bytes, error) {
	if p.given != nil {
		return p.notEmpty(p.given.Clone())
	}
	if p.file != "" {
		s, err := p.readFile(t)
		if err != nil {
			return nil, err
		}
		return p.notEmpty(s)
	}
	if v, ok := os.LookupEnv(p.env); ok {
		// The runtime's copy of the environment is a string and stays; nothing we
		// start shall inherit it, at least.
		_ = os.Unsetenv(p.env)
		return p.notEmpty(secret.From([]byte(v)))
	}
	return nil, nil
}

func (p *pinSource) readFile(t *tool) (*secret.Bytes, error) {
	f := os.Stdin
	if p.file != "-" {
		var err error
		if f, err = os.Open(p.file); err != nil {
			return nil, fmt.Errorf("%s: %w", p.who, err)
		}
		defer f.Close()
		warnIfShared(t, f)
	}
	buf := make([]byte, maxPINFile)
	defer clear(buf)
	n, err := io.ReadFull(f, buf)
	switch {
	case err == nil:
		return nil, fmt.Errorf("%s: %s is too long to be a PIN file", p.who, p.file)
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("%s: %w", p.who, err)
	}
	return secret.From(withoutLineEnd(buf[:n])), nil
}

// withoutLineEnd drops the one line end that editors and echo leave.
func withoutLineEnd(b []byte) []byte {
	b = bytes.TrimSuffix(b, []byte("\n"))
	return bytes.TrimSuffix(b, []byte("\r"))
}

// warnIfShared tells of a PIN file that other users can read.
func warnIfShared(t *tool, f *os.File) {
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		t.warn("%s can be read by other users: chmod 600 %s", f.Name(), f.Name())
	}
}

func (p *pinSource) notEmpty(s *secret.Bytes) (*secret.Bytes, error) {
	if s.Len() == 0 {
		s.Zero()
		return nil, fmt.Errorf("the %s is empty", p.who)
	}
	return s, nil
}

// advise says where else the PIN can come from.
func (p *pinSource) advise(err error) error {
	return hintf(fmt.Sprintf("give the %s with --%s or in %s", p.who, p.flag, p.env), "%s: %w", p.who, err)
}
