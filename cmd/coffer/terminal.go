package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/term"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// errNoTerminal is for prompts where there is nobody to ask.
var errNoTerminal = errors.New("no terminal to ask at")

// withTerminal hands f the controlling terminal, whatever stdin and stdout are:
// a prompt must not end up in a pipe.
func withTerminal(f func(*os.File) error) error {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return errNoTerminal
	}
	defer tty.Close()
	return f(tty)
}

// askSecret asks for a secret without echo.
func askSecret(prompt string) (*secret.Bytes, error) {
	var s *secret.Bytes
	err := withTerminal(func(tty *os.File) error {
		defer restoreOnInterrupt(tty)()
		fmt.Fprintf(tty, "%s: ", prompt)
		b, err := term.ReadPassword(int(tty.Fd()))
		fmt.Fprintln(tty)
		s = secret.From(b)
		return err
	})
	if err != nil {
		s.Zero()
		return nil, err
	}
	return s, nil
}

// restoreOnInterrupt sees to it that Ctrl-C at a prompt does not leave the
// terminal without echo. The function it returns ends the watch.
func restoreOnInterrupt(tty *os.File) func() {
	fd := int(tty.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return func() {}
	}
	interrupt, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(interrupt, os.Interrupt)
	go func() {
		select {
		case <-interrupt:
			_ = term.Restore(fd, state)
			fmt.Fprintln(tty)
			os.Exit(exitFailed)
		case <-done:
		}
	}()
	return func() { signal.Stop(interrupt); close(done) }
}

// confirm asks whether to go on; --yes answers for the person. what is a whole
// sentence that says what will happen.
func (t *tool) confirm(what string) error {
	if t.yes {
		return nil
	}
	return askFor(what, "yes", "--yes goes on without asking")
}

// confirmLabel asks for the label of a partition before something is done that is not
// to be done to the wrong one; typed is the answer that was given beforehand.
func (t *tool) confirmLabel(what, label, typed string) error {
	switch typed {
	case "":
		return askFor(what, label, "--confirm LABEL goes on without asking")
	case label:
		return nil
	}
	return errors.New("nothing was done: not the label of the partition")
}

// askFor goes on if a person types want.
func askFor(what, want, hint string) error {
	var answer string
	err := withTerminal(func(tty *os.File) error {
		fmt.Fprintf(tty, "%s\nType %s to go on: ", what, plain(want))
		var err error
		answer, err = bufio.NewReader(tty).ReadString('\n')
		return err
	})
	switch {
	case errors.Is(err, errNoTerminal):
		return hintf(hint, "nothing was done: %w", err)
	case err != nil || strings.TrimSpace(answer) != strings.TrimSpace(want):
		return errors.New("nothing was done: not confirmed")
	}
	return nil
}
