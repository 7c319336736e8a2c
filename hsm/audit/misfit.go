package audit

import (
	"errors"
	"fmt"
)

// Misfit is what the SO can accept about a log (Acceptable), nil if there is nothing: what
// Settle refuses, and damage anywhere. Settle reads the end of the log; this reads all.
func (l *Log) Misfit() error {
	why := l.Settle()
	if why != nil && !Acceptable(why) || errors.Is(why, ErrDamaged) || errors.Is(why, ErrForeign) {
		return why
	}
	damage := l.damage()
	switch {
	case damage == nil:
		return why
	case why == nil || !Acceptable(damage):
		return damage
	}
	return fmt.Errorf("%w; %w", damage, why)
}

// damage is what Verify says. What seems damaged while others append is looked at again
// while nobody does.
func (l *Log) damage() error {
	_, err := Verify(l.dir, l.Verifier())
	if !errors.Is(err, ErrDamaged) {
		return err
	}
	h, err := l.acquire(false)
	if err != nil {
		return err
	}
	defer h.release()
	_, err = Verify(l.dir, l.Verifier())
	return err
}
