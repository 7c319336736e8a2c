package slots

import "iter"

// roll is the open sessions of a token, as a list through them: to be on it takes no
// memory, and so opening a session none but its own. The zero roll is empty.
type roll struct {
	first *session
	count int
}

// rollPlace is where a session is on a roll.
type rollPlace struct {
	before, after *session
	on            bool
}

func (r *roll) add(s *session) {
	s.place = rollPlace{after: r.first, on: true}
	if r.first != nil {
		r.first.place.before = s
	}
	r.first = s
	r.count++
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
	r.count--
}

// has reports whether s is on its token's roll.
func (r *roll) has(s *session) bool { return s.place.on }

func (r *roll) all() iter.Seq[*session] {
	return func(yield func(*session) bool) {
		for s := r.first; s != nil && yield(s); s = s.place.after {
		}
	}
}
