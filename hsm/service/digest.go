package service

import (
	"sync"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

func init() {
	for i := range hashes {
		h := &hashes[i]
		h.idle = new(sync.Pool)
		register(Mechanism{
			Type:   h.digest,
			Digest: func(*ck.Mechanism) (api.Digester, error) { return newDigest(h), nil },
			Sum:    h.summing(),
		})
	}
}

func newDigest(h *hashInfo) *summer {
	if s := taken(h.idle); s != nil {
		return s
	}
	d := h.new()
	return &summer{Hash: d, inner: d, size: h.size, idle: h.idle, busy: true}
}

// summing is Sum of the mechanism, nil if the hash has nothing cheaper than a summer.
func (h *hashInfo) summing() *api.Sum {
	if h.sum == nil {
		return nil
	}
	return &api.Sum{Size: h.size, Do: func(dst, src []byte) error {
		if err := Ready(); err != nil {
			return err
		}
		h.sum(dst, src)
		return nil
	}}
}
