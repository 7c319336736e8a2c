package slots_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Tag of the twin has a key that is the same in each.
func (p *twinPartition) Tag(purpose string, data ...[]byte) (tag [32]byte) {
	h := hmac.New(sha256.New, []byte("twin"))
	fmt.Fprintf(h, "%q %q", purpose, data)
	h.Sum(tag[:0])
	return tag
}

// SaveOperations of the twin keeps copies of the operations. The state is where
// they are, with what it is bound to in front.
func (p *twinPartition) SaveOperations(who api.Caller, ops []api.Started, context []byte) ([]byte, error) {
	var copies []api.Started
	for _, op := range ops {
		o, ok := twinCopy(op.Operation)
		if !ok {
			return nil, ck.CKR_STATE_UNSAVEABLE
		}
		op.Operation = o
		copies = append(copies, op)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.states = append(p.states, copies)
	return twinState(who, context, len(p.states)-1), nil
}

func twinState(who api.Caller, context []byte, n int) []byte {
	return fmt.Appendf(nil, "%x %d %08d", context, who.Identity, n)
}

func twinCopy(op api.Operation) (api.Operation, bool) {
	switch o := op.(type) {
	case *twinCipher:
		c := *o
		c.rest = bytes.Clone(o.rest)
		return &c, true
	case *twinHash:
		return o.clone(), true
	case twinCheck:
		return twinCheck{o.clone()}, true
	}
	return nil, false
}

func (h *twinHash) clone() *twinHash {
	c, err := h.Hash.(hash.Cloner).Clone()
	if err != nil {
		panic(err)
	}
	return &twinHash{c}
}

func (p *twinPartition) RestoreOperations(who api.Caller, state, context []byte) ([]api.Started, error) {
	p.mu.Lock()
	states := p.states
	p.mu.Unlock()
	for n, saved := range states {
		if !bytes.Equal(state, twinState(who, context, n)) {
			continue
		}
		var ops []api.Started
		for _, op := range saved {
			if p.startAnew(who, op) != nil {
				return nil, ck.CKR_SAVED_STATE_INVALID
			}
			op.Operation, _ = twinCopy(op.Operation)
			ops = append(ops, op)
		}
		return ops, nil
	}
	return nil, ck.CKR_SAVED_STATE_INVALID
}

// startAnew tells whether the operation might be started now.
func (p *twinPartition) startAnew(who api.Caller, op api.Started) (err error) {
	switch op.Init {
	case ck.CKF_ENCRYPT:
		_, err = p.Encrypt(who, op.Mechanism, op.Key)
	case ck.CKF_DECRYPT:
		_, err = p.Decrypt(who, op.Mechanism, op.Key)
	case ck.CKF_SIGN:
		_, err = p.Sign(who, op.Mechanism, op.Key)
	case ck.CKF_VERIFY:
		_, err = p.Verify(who, op.Mechanism, op.Key)
	}
	return err
}
