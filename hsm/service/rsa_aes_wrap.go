package service

import (
	"crypto/aes"
	"crypto/rand"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/keywrap"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// CKM_RSA_AES_KEY_WRAP wraps under an AES key made for the purpose, with
// AES-KWP, and puts in front that AES key under RSA-OAEP.
func init() {
	m := rsaMechanism(ck.CKM_RSA_AES_KEY_WRAP, ck.ParamRSAAESWrap)
	m.Wrap, m.Unwrap = wrapRSAAES, unwrapRSAAES
	register(m)
}

// rsaAESParams checks the parameter but for its OAEP part, and returns the
// length of the AES key in bytes.
func rsaAESParams(m *ck.Mechanism) (*ck.RSAAESWrapParams, int, error) {
	p := m.Param.(*ck.RSAAESWrapParams)
	switch p.AESBits {
	case 128, 192, 256:
		return p, int(p.AESBits / 8), nil
	}
	return nil, 0, ck.CKR_MECHANISM_PARAM_INVALID
}

func wrapRSAAES(k *Key, m *ck.Mechanism, dst, plain []byte) (int, error) {
	p, n, err := rsaAESParams(m)
	if err != nil {
		return 0, err
	}
	oaep, err := encryptOAEPWith(k, &p.OAEP)
	if err != nil {
		return 0, recode(err, wrapCodes)
	}
	defer oaep.Close()
	size, err := oaep.OneShot(nil, nil)
	if err != nil {
		return 0, err
	}
	if n, done, err := fits(dst, size+keywrap.WrapPadSize(len(plain))); done {
		return n, err
	}
	kek := make([]byte, n)
	defer clear(kek)
	rand.Read(kek) // never fails
	block, err := aes.NewCipher(kek)
	if err != nil {
		return 0, err
	}
	// plain may be in dst's memory, so it is wrapped before dst is written to.
	wrapped, err := keywrap.WrapPad(block, nil, plain)
	if err != nil {
		return 0, ck.CKR_KEY_SIZE_RANGE
	}
	if _, err := oaep.OneShot(dst, kek); err != nil {
		return 0, recode(err, wrapCodes)
	}
	return size + copy(dst[size:], wrapped), nil
}

// unwrapRSAAES answers CKR_WRAPPED_KEY_INVALID whichever of the two layers is
// at fault.
func unwrapRSAAES(k *Key, m *ck.Mechanism, wrapped []byte) (*secret.Bytes, error) {
	p, _, err := rsaAESParams(m)
	if err != nil {
		return nil, err
	}
	priv, err := parsedAs[*rsaPrivateKey](k)
	if err != nil {
		return nil, err
	}
	if len(wrapped) <= priv.Size() {
		return nil, ck.CKR_WRAPPED_KEY_LEN_RANGE
	}
	unwrap := unwrapBy(decryptOAEP)
	kek, err := unwrap(k, &ck.Mechanism{Type: ck.CKM_RSA_PKCS_OAEP, Param: &p.OAEP}, wrapped[:priv.Size()])
	if err != nil {
		return nil, err
	}
	defer kek.Zero()
	// The sender chose the size of this key; AESBits is a matter of wrapping.
	block, err := aes.NewCipher(kek.Expose())
	if err != nil {
		return nil, ck.CKR_WRAPPED_KEY_INVALID
	}
	plain, err := keywrap.UnwrapPad(block, nil, wrapped[priv.Size():])
	if err != nil {
		return nil, ck.CKR_WRAPPED_KEY_INVALID
	}
	return secret.From(plain), nil
}
