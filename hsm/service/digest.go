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
		})
	}
}

func newDigest(h *hashInfo) *summer {
	state, ok := h.idle.Get().(*hashState)
	if !ok {
		d := h.new()
		state = &hashState{Hash: d, inner: d, idle: h.idle}
	}
	return &summer{state, h.size}
}
