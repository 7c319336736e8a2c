package object

import (
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// The rules of HKDF. CKM_HKDF_DATA makes data of what CKM_HKDF_DERIVE makes a key of.

// ivLabels are what stands between the length and the empty context in the info of
// initialisation vectors: as PKCS #11 Profiles 3.2, section 5.6, spells it, and as
// TLS 1.3 (RFC 8446, section 7.3), QUIC (RFC 9001, section 5.1) and DTLS 1.3 (RFC 9147,
// section 5.9) do, with the length of the label in front.
var ivLabels = []string{
	"tls iv", "tls quic iv",
	"\x08tls13 iv", "\x0dtls13 quic iv", "\x08dtls13iv",
}

// IsIV reports whether the info of an expansion by HKDF is that of an initialisation
// vector, which is no secret.
func IsIV(info []byte) bool {
	const length = 2 // bytes
	last := len(info) - 1
	return last >= length && info[last] == 0 && slices.Contains(ivLabels, string(info[length:last]))
}

// derivedDataIsApart: data comes of other expansions than keys do, so that none can be
// read of which a key is made.
func derivedDataIsApart(_ *Object, m *ck.Mechanism) error {
	p, ok := m.Param.(*ck.HKDFParams)
	if !ok || (m.Type == ck.CKM_HKDF_DATA) == (p.Expand && IsIV(p.Info)) {
		return nil
	}
	if m.Type == ck.CKM_HKDF_DATA {
		return forbid(ck.CKR_MECHANISM_PARAM_INVALID, "CKM_HKDF_DATA is for the initialisation vectors of TLS")
	}
	return forbid(ck.CKR_MECHANISM_PARAM_INVALID, "initialisation vectors of TLS are for CKM_HKDF_DATA")
}
