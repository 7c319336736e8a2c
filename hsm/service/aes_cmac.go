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

func startCMAC(s *summer, k *Key) error {
	key, err := k.aes()
	if err != nil {
		return err
	}
	h, err := cmac.New(key.Block)
	if err != nil {
		return refusal(err)
	}
	s.Hash, s.inner = h, h
	return nil
}
