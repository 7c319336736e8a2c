package testvectors

import (
	"errors"
	"math/big"
	"os"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/p11"
)

// mode is one that the module's process may be in.
type mode struct {
	name        string
	godebug     string // of the environment
	accelerated bool   // what coffer.toml says under [fips]
	// refuses is what of each mechanism is refused in the mode; nil if nothing is.
	refuses map[ck.MechanismType]modeRefusal
}

// modeRefusal is how a mode refuses a mechanism, or some uses of it.
type modeRefusal struct {
	// code is that or, of keys that are too short, CKR_KEY_SIZE_RANGE; 0 where the mechanism
	// is not listed.
	code ck.RV
	all  bool // every use
}

var (
	unlisted  = modeRefusal{0, true}
	shortKeys = modeRefusal{ck.CKR_KEY_SIZE_RANGE, false}
)

// modes are those of the Go Cryptographic Module but for the usual one. README.md tells
// what they promise: approved mode refuses nothing, whatever does the work.
var modes = []mode{
	{name: "approved", godebug: "fips140=on"},
	{name: "approved, accelerated", godebug: "fips140=on", accelerated: true},
	{name: "enforced", godebug: "fips140=only", accelerated: true, refuses: enforced},
}

// modeVariable of the environment has the name of the mode in the processes of TestModes.
const modeVariable = "COFFER_TEST_MODE"

// inMode is the mode of this process, nil for the usual one.
var inMode = func() *mode {
	name := os.Getenv(modeVariable)
	if i := slices.IndexFunc(modes, func(m mode) bool { return m.name == name }); i >= 0 {
		return &modes[i]
	}
	return nil
}()

// modeEvery is how many times fewer tests are run in a mode.
const modeEvery = 20

// refusedByMode is why a test is not applicable in a mode.
const refusedByMode = "refused in this mode"

// enforced is what the Go Cryptographic Module does not allow where approved mode is enforced:
// SHA-1, short keys, encryption with PKCS #1 v1.5 and signatures of DigestInfo, salts longer
// than the hash, IVs of GCM that come from outside, X25519 and ChaCha20-Poly1305. All else
// must be right.
var enforced = func() map[ck.MechanismType]modeRefusal {
	table := map[ck.MechanismType]modeRefusal{
		ck.CKM_RSA_PKCS:          {ck.CKR_MECHANISM_INVALID, true},
		ck.CKM_AES_GCM:           {ck.CKR_MECHANISM_PARAM_INVALID, true},
		ck.CKM_CHACHA20_POLY1305: {ck.CKR_MECHANISM_PARAM_INVALID, true},
		ck.CKM_ECDH1_DERIVE:      {ck.CKR_CURVE_NOT_SUPPORTED, false},
		ck.CKM_HKDF_DERIVE:       {ck.CKR_MECHANISM_PARAM_INVALID, false},
		ck.CKM_RSA_PKCS_OAEP:     {ck.CKR_MECHANISM_PARAM_INVALID, false},
		ck.CKM_RSA_PKCS_PSS:      {ck.CKR_MECHANISM_PARAM_INVALID, false},
	}
	for name, h := range hashes {
		if name == "SHA-1" {
			for _, m := range []ck.MechanismType{h.digest, h.ecdsa, h.rsaPKCS, h.rsaPSS} {
				table[m] = unlisted
			}
			continue
		}
		table[h.rsaPKCS], table[h.rsaPSS] = shortKeys, modeRefusal{ck.CKR_MECHANISM_PARAM_INVALID, false}
	}
	for name, m := range macs {
		switch name {
		case "AES-CMAC":
		case "HMACSHA1":
			table[m.full], table[m.general] = unlisted, unlisted
		default:
			table[m.full], table[m.general] = shortKeys, shortKeys
		}
	}
	delete(table, 0) // of hashes that PKCS #11 has no name for
	return table
}()

// tooShort reports whether approved mode allows less than such a key does: MACs and HKDF
// with a secret below 112 bits (SP 800-131A rev. 2, sections 8 and 10), RSA with a modulus
// below 2048 bits or of an odd number of them, or with a public exponent up to 2¹⁶
// (FIPS 186-5, section 5.1 and appendix A.1.1).
func tooShort(t p11.Template) bool {
	if class, _ := ck.ParseUlong(t.Value(ck.CKA_CLASS)); ck.ObjectClass(class) == ck.CKO_SECRET_KEY {
		return len(t.Value(ck.CKA_VALUE)) < 112/8
	}
	n := new(big.Int).SetBytes(t.Value(ck.CKA_MODULUS)).BitLen()
	e := new(big.Int).SetBytes(t.Value(ck.CKA_PUBLIC_EXPONENT)).BitLen()
	return n > 0 && (n < 2048 || n%2 != 0 || e <= 16)
}

// refused reports whether the mode is why a use of a mechanism with a key ended so.
func (m *mode) refused(t ck.MechanismType, k handle, err error) bool {
	if m == nil || err == nil {
		return false
	}
	r, some := m.refuses[t]
	switch {
	case !some:
		return false
	case r.code == 0:
		return errors.Is(err, errNotListed)
	case ck.Code(err) == ck.CKR_KEY_SIZE_RANGE:
		return k.short
	}
	return ck.Code(err) == r.code
}
