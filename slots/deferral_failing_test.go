package slots_test

import (
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// failingModule is a module that comes into the error state when the test says so: then it
// digests nothing any more.
type failingModule struct {
	api.Module
	failed bool
}

func (m *failingModule) Slots() []api.Slot {
	list := append([]api.Slot{}, m.Module.Slots()...)
	for i := range list {
		if p := list[i].Partition; p != nil {
			list[i].Partition = failingPartition{p, m}
		}
	}
	return list
}

type failingPartition struct {
	api.Partition
	module *failingModule
}

func (p failingPartition) Digest(m *ck.Mechanism) (api.Digester, error) {
	if p.module.failed {
		return nil, ck.CKR_DEVICE_ERROR
	}
	return p.Partition.Digest(m)
}

func (p failingPartition) Summing(m *ck.Mechanism) *api.Sum {
	sum := *p.Partition.(api.Summer).Summing(m)
	do := sum.Do
	sum.Do = func(dst, src []byte) error {
		if p.module.failed {
			return ck.CKR_DEVICE_ERROR
		}
		return do(dst, src)
	}
	return &sum
}

// A digest whose Init the shell has answered, before the module failed, says that there is
// none, by whichever way it goes, and the next Init says why.
func TestDeferralOfFailedModule(t *testing.T) {
	for name, long := range map[string]bool{"at once": false, "in parts": true} {
		m := &failingModule{Module: openModule(t)}
		s := newShellOn(t, m)
		h := open(t, s.app, "ro")
		if err := s.digestInit(h); err != nil {
			t.Fatal(err)
		}
		if told := s.digest(h, 32); !strings.HasPrefix(told, "32 CKR_OK ") {
			t.Fatalf("%s: a digest before: %s", name, told)
		}
		if !s.take(h, slots.DigestOperation, s.hash, 0) {
			t.Fatalf("%s: no offer", name)
		}
		m.failed = true
		var err error
		if long {
			err = s.app.DigestUpdate(h, []byte("message"))
		} else {
			_, err = s.app.Digest(h, []byte("message"), make([]byte, 32))
		}
		if ck.Code(err) != ck.CKR_OPERATION_NOT_INITIALIZED {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.app.DigestInit(h, s.bare(s.hash)); ck.Code(err) != ck.CKR_DEVICE_ERROR {
			t.Errorf("%s: the next Init: %v", name, err)
		}
	}
}
