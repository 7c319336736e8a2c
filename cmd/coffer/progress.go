package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"
)

const (
	barWidth = 30                     // characters
	barPause = 100 * time.Millisecond // between two drawings
	barDelay = 300 * time.Millisecond // before the first: short work shows none
)

// progressBar tells a person at a terminal how far work has come; anybody else sees
// nothing of it.
type progressBar struct {
	w     io.Writer // nil if nobody looks
	what  string
	next  time.Time // of the next drawing
	shown bool
}

// progress starts a bar on standard error for work that is called what.
func (t *tool) progress(what string) *progressBar {
	b := &progressBar{what: what, next: time.Now().Add(barDelay)}
	if f, ok := t.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		b.w = f
	}
	return b
}

// set draws the bar, but not more often than one can see.
func (b *progressBar) set(done, total int) {
	now := time.Now()
	if b.w == nil || now.Before(b.next) {
		return
	}
	b.next, b.shown = now.Add(barPause), true
	fmt.Fprintf(b.w, "\r%s\x1b[K", drawBar(b.what, done, total))
}

// end wipes the bar away.
func (b *progressBar) end() {
	if b.shown {
		fmt.Fprint(b.w, "\r\x1b[K")
		b.shown = false
	}
}

// loading returns what a module tells how far it has come with a partition of many
// objects, as it is opened and again at a login.
func (t *tool) loading() func(done, total int) {
	b := t.progress("reading objects")
	var mu sync.Mutex
	return func(done, total int) {
		mu.Lock()
		defer mu.Unlock()
		b.set(done, total)
		if done >= total {
			b.end()
		}
	}
}

// drawBar is the text of a bar.
func drawBar(what string, done, total int) string {
	total = max(total, 1)
	done = min(max(done, 0), total)
	full := done * barWidth / total
	return fmt.Sprintf("%s [%s%s] %3d%%, %d of %d", what,
		strings.Repeat("#", full), strings.Repeat(".", barWidth-full), done*100/total, done, total)
}

// interruptible is a context that ends when the user presses Ctrl-C or the tool is
// asked to stop, for work that can be taken up again.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// unfinished says how to go on with work that was interrupted.
func unfinished(err error, command string) error {
	if errors.Is(err, context.Canceled) {
		return hintf(command+" goes on with it", "interrupted: the work is not finished")
	}
	return err
}
