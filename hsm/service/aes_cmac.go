package service

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/cmac"
)

// AES-CMAC (section 6.13.9).
func init() {
	mac := macAlgorithm{size: cmac.Size, start: startCMAC}
	register(
		mac.full(aesMechanism(ck.CKM_AES_CMAC, ck.ParamNone)),
		mac.general(aesMechanism(ck.CKM_AES_CMAC_GENERAL, ck.ParamUlong)),
	)
}

// startCMAC takes a state that is idle, or makes the subkeys.
func startCMAC(k *Key) (*summer, error) {
	if s := k.idleMAC(nil); s != nil {
		return s, nil
	}
	key, err := k.aes()
	if err != nil {
		return nil, err
	}
	h, err := cmac.New(key.Block)
	if err != nil {
		return nil, refusal(err)
	}
	return &summer{Hash: h, inner: h, idle: &k.keyedHashes(nil).idle, busy: true}, nil
}
