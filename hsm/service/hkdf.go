package service

import (
	"bytes"
	"crypto/hkdf"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// HKDF (RFC 5869). CKM_HKDF_DATA computes as CKM_HKDF_DERIVE does; only what
// becomes of the result differs.
func init() {
	derive := Mechanism{
		Type: ck.CKM_HKDF_DERIVE, Min: minSecret, Max: maxSecret, Param: ck.ParamHKDF,
		KeyTypes: []ck.KeyType{ck.CKK_HKDF, ck.CKK_GENERIC_SECRET}, Derive: deriveHKDF,
	}
	data := derive
	data.Type, data.DerivesData = ck.CKM_HKDF_DATA, true
	register(derive, data, secretKeyGen(ck.CKM_HKDF_KEY_GEN, ck.CKK_HKDF))
}

// deriveHKDF extracts, expands or does one after the other. The base key of an
// expansion alone has to be as long as the hash (RFC 5869, section 2.3). The standard
// wants that of an extraction too, which would leave out what the RFC is for.
func deriveHKDF(k *Key, m *ck.Mechanism, n int) (*secret.Bytes, error) {
	p := m.Param.(*ck.HKDFParams)
	h, ok := hashByMechanism(p.Hash)
	switch {
	case !ok, !p.Extract && !p.Expand:
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	case !p.Extract:
		return h.hkdfExpand(k.Value(), p.Info, n)
	}
	prk, err := h.hkdfExtract(k.Value(), p)
	if err != nil {
		return nil, err
	}
	if p.Expand {
		defer clear(prk)
		return h.hkdfExpand(prk, p.Info, n)
	}
	if n != 0 && n != h.size {
		clear(prk)
		return nil, ck.Errorf(ck.CKR_KEY_SIZE_RANGE, "what is extracted has the length of the hash")
	}
	return secret.From(prk), nil
}

// hkdfExtract is HKDF-Extract. With a key for the salt, whoever chooses value would
// compute with it what HKDF-Expand does (expandsIV). The other rules of derived keys
// hold for both; initialisation vectors have none.
func (h *hashInfo) hkdfExtract(value []byte, p *ck.HKDFParams) ([]byte, error) {
	var salt []byte
	switch p.SaltType {
	case ck.CKF_HKDF_SALT_NULL:
	case ck.CKF_HKDF_SALT_KEY:
		if h.expandsIV(value) {
			return nil, ck.CKR_MECHANISM_PARAM_INVALID
		}
		salt = p.Salt
	case ck.CKF_HKDF_SALT_DATA:
		salt = p.Salt
	default:
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	prk, err := hkdf.Extract(h.new, value, salt)
	if err != nil { // in approved mode, for short keys
		return nil, ck.Errorf(ck.CKR_KEY_SIZE_RANGE, "%w", err)
	}
	return prk, nil
}

// expandsIV reports whether HKDF-Expand feeds value to HMAC for a block of an
// initialisation vector: the info and a 1, or the block before, the info and a number.
func (h *hashInfo) expandsIV(value []byte) bool {
	if info, first := bytes.CutSuffix(value, []byte{1}); first && object.IsIV(info) {
		return true
	}
	return len(value) > h.size && object.IsIV(value[h.size:len(value)-1])
}

// hkdfExpand is HKDF-Expand to n bytes.
func (h *hashInfo) hkdfExpand(prk, info []byte, n int) (*secret.Bytes, error) {
	switch {
	case n == 0:
		return nil, ck.Errorf(ck.CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN is missing")
	case len(prk) < h.size:
		return nil, ck.Errorf(ck.CKR_KEY_SIZE_RANGE, "a key that is expanded is as long as the hash")
	}
	out, err := hkdf.Expand(h.new, prk, string(info), n)
	if err != nil { // more than 255 times the length of the hash
		return nil, ck.Errorf(ck.CKR_KEY_SIZE_RANGE, "%w", err)
	}
	return secret.From(out), nil
}
