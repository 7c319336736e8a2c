package main

/*
#include "front/core.h"
*/
import "C"

import (
	"sync"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
)

// templateRoom is memory for the copy of a template that nobody needs after the call,
// which most calls can do with: making it anew takes as long as making a key of it.
type templateRoom struct {
	reader templateReader
	list   [16]ck.Attribute
	bytes  [512]byte
}

// templateRooms are used again; free ones are zero.
var templateRooms = sync.Pool{New: func() any { return new(templateRoom) }}

// passingTemplate is template for a call that does not keep it. The room is to be freed
// when the call is done with the template.
func passingTemplate(p C.CK_ATTRIBUTE_PTR, n C.CK_ULONG) (ck.Template, *templateRoom, error) {
	room := templateRooms.Get().(*templateRoom)
	t, err := room.read(p, n)
	if err != nil {
		room.free(t)
		return nil, nil, err
	}
	return t, room, nil
}

func (r *templateRoom) read(p C.CK_ATTRIBUTE_PTR, n C.CK_ULONG) (ck.Template, error) {
	r.reader = templateReader{room: r.bytes[:0], list: r.list[:]}
	return r.reader.whole(p, n)
}

// free wipes what was copied, of which anything may be a key, and gives the room to the
// next call. t is the template that was made there.
func (r *templateRoom) free(t ck.Template) {
	if r.reader.spilled {
		object.WipeTemplate(t)
	}
	clear(r.bytes[:len(r.reader.room)])
	clear(r.list[:min(len(t), len(r.list))])
	r.reader = templateReader{}
	templateRooms.Put(r)
}
