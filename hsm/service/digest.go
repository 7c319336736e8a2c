package service

import (
	"hash"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

func init() {
	for i := range hashes {
		h := &hashes[i]
		register(Mechanism{
			Type:   h.digest,
			Digest: func(*ck.Mechanism) (api.Digester, error) { return &digester{h.new()}, nil },
		})
	}
}

// digester is a digest under way.
type digester struct{ hash.Hash }

func (d *digester) OneShot(dst, data []byte) (int, error) {
	if n, done, err := fits(dst, d.Size()); done {
		return n, err
	}
	d.Write(data)
	return d.Final(dst)
}

func (d *digester) Update(data []byte) error {
	d.Write(data)
	return nil
}

func (d *digester) Final(dst []byte) (int, error) {
	if n, done, err := fits(dst, d.Size()); done {
		return n, err
	}
	return len(d.Sum(dst[:0])), nil
}

// Close wipes the state, which has seen the data and perhaps a key (C_DigestKey).
func (d *digester) Close() { d.Reset() }
