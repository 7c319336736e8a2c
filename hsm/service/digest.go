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
			Digest: func(*ck.Mechanism) (api.Digester, error) { return &summer{h.new(), h.size}, nil },
		})
	}
}
