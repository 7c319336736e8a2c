package partition

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// A saved digest is opened by the partition that saved it, in the context it was
// saved in, and by nobody else.
func TestSavedDigest(t *testing.T) {
	p, other := new(Partition), new(Partition)
	digest := func() api.Digester {
		d, err := p.Digest(&ck.Mechanism{Type: ck.CKM_SHA256})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := digest()
	if err := d.Update([]byte("ab")); err != nil {
		t.Fatal(err)
	}
	state, err := p.SaveDigest(d, []byte("context"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.SaveDigest(d, []byte("context"))
	if err != nil || bytes.Equal(again, state) {
		t.Errorf("the same twice: %v", err)
	}
	newer := append([]byte{stateVersion + 1}, state[1:]...)
	for name, c := range map[string]struct {
		p              *Partition
		state, context []byte
	}{
		"another partition": {other, state, []byte("context")},
		"another context":   {p, state, []byte("Context")},
		"no context":        {p, state, nil},
		"another version":   {p, newer, []byte("context")},
		"nothing":           {p, nil, []byte("context")},
		"a version":         {p, state[:1], []byte("context")},
		"cut":               {p, state[:len(state)-1], []byte("context")},
	} {
		if _, err := c.p.RestoreDigest(c.state, c.context); ck.Code(err) != ck.CKR_SAVED_STATE_INVALID {
			t.Errorf("%s: %v", name, err)
		}
	}
	back, err := p.RestoreDigest(state, []byte("context"))
	if err != nil {
		t.Fatal(err)
	}
	if err := back.Update([]byte("c")); err != nil {
		t.Fatal(err)
	}
	want, got := make([]byte, 32), make([]byte, 32)
	if _, err := digest().OneShot(want, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	if _, err := back.Final(got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, want %x (%v)", got, want, err)
	}
}
