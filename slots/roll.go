package slots

import "iter"

// roll is sessions of a token as a list through them, those that are open or those that
// are not: to be on it takes no memory. The zero roll is empty. desk.mu guards it.
type roll struct{ first *session }

// rollPlace is where a session is on a roll.
type rollPlace struct {
	before, after *session
}

func (r *roll) add(s *session) {
	s.place = rollPlace{after: r.first}
	if r.first != nil {
		r.first.place.before = s
	}
	r.first = s
}

func (r *roll) remove(s *session) {
	p := s.place
	s.place = rollPlace{}
	if p.before != nil {
		p.before.place.after = p.after
	} else {
		r.first = p.after
	}
	if p.after != nil {
		p.after.place.before = p.before
	}
}

// take removes a session and returns it, nil if there is none.
func (r *roll) take() *session {
	s := r.first
	if s != nil {
		r.remove(s)
	}
	return s
}

func (r *roll) all() iter.Seq[*session] {
	return func(yield func(*session) bool) {
		for s := r.first; s != nil && yield(s); s = s.place.after {
		}
	}
}
