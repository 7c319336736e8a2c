package pbes2

import "crypto/hmac"

// VerifyMAC checks that der is a PBMAC1 under password of parts, one after the other: an
// algorithm and an OCTET STRING. The key is as long as the output of its hash. ErrMAC,
// ErrFormat, ErrUnsupported.
func VerifyMAC(der, password []byte, parts ...[]byte) error {
	derive, scheme, want, err := split(der, oidPBMAC1)
	if err != nil {
		return err
	}
	h, err := parseHMAC(scheme)
	if err != nil {
		return err
	}
	key, err := derive(password, h().Size())
	if err != nil {
		return err
	}
	defer clear(key)
	mac := hmac.New(h, key)
	for _, part := range parts {
		mac.Write(part)
	}
	if !hmac.Equal(mac.Sum(nil), want) {
		return ErrMAC
	}
	return nil
}
