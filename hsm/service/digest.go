package service

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

func init() {
	for i := range hashes {
		h := &hashes[i]
		register(Mechanism{
			Type:   h.digest,
			Digest: func(*ck.Mechanism) (api.Digester, error) { return newDigest(h), nil },
		})
	}
}

func newDigest(h *hashInfo) *summer {
	d := h.new()
	return &summer{Hash: d, inner: d, size: h.size}
}
