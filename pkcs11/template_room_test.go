package main

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// roomLists are templates that fit in a room, and those that do not in each way.
func roomLists() map[string][]cAttribute {
	key := bytes.Repeat([]byte{0xa7}, 32)
	long := make([]cAttribute, 40)
	for i := range long {
		long[i] = attr(ck.CKA_VALUE, key)
	}
	return map[string][]cAttribute{
		"none":    {},
		"small":   {attr(ck.CKA_LABEL, []byte("mine")), attr(ck.CKA_VALUE, key), attr(ck.CKA_ID, []byte{})},
		"large":   {attr(ck.CKA_VALUE, key), attr(ck.CKA_VALUE, bytes.Repeat(key, 100))},
		"long":    long,
		"nested":  {nest(ck.CKA_UNWRAP_TEMPLATE, []cAttribute{attr(ck.CKA_LABEL, key)}), attr(ck.CKA_VALUE, key)},
		"refused": {attr(ck.CKA_VALUE, key), {ulValueLen: unavailable}},
	}
}

// A template in a room is what it is elsewhere, and nothing of it is left in the room.
func TestPassingTemplate(t *testing.T) {
	for name, list := range roomLists() {
		want, wantErr := template(ptrTo(list), cUlong(len(list)))
		got, room, err := passingTemplate(ptrTo(list), cUlong(len(list)))
		if err != wantErr || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v; want %v, %v", name, got, err, want, wantErr)
		}
		if err != nil {
			continue
		}
		values := make([][]byte, len(got))
		for i := range got {
			values[i] = got[i].Value
		}
		room.free(got)
		for _, v := range values {
			if len(bytes.Trim(v, "\x00")) > 0 {
				t.Errorf("%s: %x is left", name, v)
			}
		}
		if !reflect.ValueOf(*room).IsZero() {
			t.Errorf("%s: the room is not empty: %v", name, *room)
		}
	}
}

// What was copied before a fault was found is wiped as well.
func TestRefusedTemplateIsWiped(t *testing.T) {
	key := bytes.Repeat([]byte{0xa7}, 600)
	for name, value := range map[string][]byte{"in the room": key[:32], "outside": key} {
		list := []cAttribute{attr(ck.CKA_VALUE, value), {ulValueLen: unavailable}}
		room := new(templateRoom)
		read, err := room.read(&list[0], 2)
		if err == nil || len(read) != 2 {
			t.Fatalf("%s: %v, %v", name, read, err)
		}
		copied := read[0].Value
		if room.free(read); len(bytes.Trim(copied, "\x00")) > 0 {
			t.Errorf("%s: %x is left", name, copied)
		}
	}
}

func TestPassingTemplateTakesNoMemory(t *testing.T) {
	list := roomLists()["small"]
	if n := testing.AllocsPerRun(1000, func() {
		got, room, err := passingTemplate(&list[0], cUlong(len(list)))
		if err != nil {
			t.Fatal(err)
		}
		room.free(got)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func ptrTo(list []cAttribute) *cAttribute {
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}
