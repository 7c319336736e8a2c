package slots_test

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// newWorldOn is an application on a module with a token in slot 1.
func newWorldOn(t testing.TB, m api.Module) *slots.App {
	w := newWorld(m)
	if err := w.setup(args{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.app.Finalize() })
	return w.app
}

// attributeOf is the value of an attribute, nil if it is not told.
func attributeOf(a *slots.App, h ck.SessionHandle, o ck.ObjectHandle, t ck.AttributeType) []byte {
	want := []api.AttributeResult{{Attribute: ck.Attribute{Type: t}}}
	if a.GetAttributeValue(h, o, want) != nil || want[0].RV != ck.CKR_OK {
		return nil
	}
	return want[0].Value
}
