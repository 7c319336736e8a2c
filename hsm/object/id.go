package object

import (
	"crypto/rand"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/api"
)

// names are random bytes that no name has been made of: to ask for as many as one name
// takes costs as much as to ask for many. They are no secret.
type names struct {
	bytes [32 * len(api.ObjectID{})]byte
	used  int
}

var freshNames = sync.Pool{New: func() any { return &names{used: len(names{}.bytes)} }}

// Lanes is how many lanes there are (Request.Lane).
const Lanes = 32

// LaneOf is the lane of an object. Any may be that of a copy, of a built-in object and of
// one that an older version made: they were given none.
func LaneOf(id *api.ObjectID) int { return int(id[0] % Lanes) }

// newIDIn is newID in a lane, of which the name tells no more than the number modulo Lanes.
func newIDIn(lane uint8) api.ObjectID {
	id := newID()
	id[0] = id[0]&^(Lanes-1) | lane%Lanes
	return id
}

// newID returns a fresh name. crypto/rand does not fail.
func newID() (id api.ObjectID) {
	n := freshNames.Get().(*names)
	if n.used == len(n.bytes) {
		rand.Read(n.bytes[:])
		n.used = 0
	}
	n.used += copy(id[:], n.bytes[n.used:])
	freshNames.Put(n)
	return id
}
