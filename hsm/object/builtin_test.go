package object

import (
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

func profile(id uint64) *Object {
	return BuiltIn(ck.CKO_PROFILE, ck.CKA_PROFILE_ID, id, "profile")
}

func TestBuiltIn(t *testing.T) {
	o := profile(ck.CKP_BASELINE_PROVIDER)
	if o.Class() != ck.CKO_PROFILE || !o.Token() || o.Private() {
		t.Errorf("%v, token %v, private %v", o.Class(), o.Token(), o.Private())
	}
	for _, a := range []ck.AttributeType{ck.CKA_MODIFIABLE, ck.CKA_COPYABLE, ck.CKA_DESTROYABLE} {
		wantBool(t, o, a, false)
	}
	for _, a := range []ck.AttributeType{ck.CKA_PROFILE_ID, ck.CKA_UNIQUE_ID, ck.CKA_LABEL} {
		if _, _, rv := o.Get(a); rv != ck.CKR_OK {
			t.Errorf("%v: %v", a, rv)
		}
	}
	if o.ID() != profile(ck.CKP_BASELINE_PROVIDER).ID() {
		t.Error("has another name the second time")
	}
	if o.ID() == profile(ck.CKP_EXTENDED_PROVIDER).ID() {
		t.Error("has the name of another")
	}
	_, err := o.Set(ck.Template{ck.String(ck.CKA_LABEL, "x")}, true)
	wantCode(t, err, ck.CKR_ACTION_PROHIBITED)
	_, _, err = o.Copy(nil, nil, true)
	wantCode(t, err, ck.CKR_ACTION_PROHIBITED)
}

// What only the token has, or nobody, is not made by C_CreateObject.
func TestClassesThatNobodyMakes(t *testing.T) {
	for name, tmpl := range map[string]ck.Template{
		"profile":              {class(ck.CKO_PROFILE), ck.Ulong(ck.CKA_PROFILE_ID, uint64(ck.CKP_BASELINE_PROVIDER))},
		"mechanism":            {class(ck.CKO_MECHANISM), ck.Ulong(ck.CKA_MECHANISM_TYPE, ck.CKM_AES_ECB)},
		"validation":           {class(ck.CKO_VALIDATION)},
		"clock":                {class(ck.CKO_HW_FEATURE), ck.Ulong(ck.CKA_HW_FEATURE_TYPE, uint64(ck.CKH_CLOCK))},
		"DH parameters":        {class(ck.CKO_DOMAIN_PARAMETERS), keyTypeOf(ck.CKK_DH)},
		"DSA parameters":       {class(ck.CKO_DOMAIN_PARAMETERS), keyTypeOf(ck.CKK_DSA)},
		"OTP key":              {class(ck.CKO_OTP_KEY), keyTypeOf(ck.CKK_HOTP), value(20)},
		"attribute":            {class(ck.CKO_CERTIFICATE), ck.Ulong(ck.CKA_CERTIFICATE_TYPE, ck.CKC_X_509_ATTR_CERT), bytesOf(ck.CKA_OWNER), value(9)},
		"WTLS":                 {class(ck.CKO_CERTIFICATE), ck.Ulong(ck.CKA_CERTIFICATE_TYPE, ck.CKC_WTLS), value(9)},
		"vendor's":             {class(ck.CKO_VENDOR_DEFINED)},
		"a class of 4 billion": {class(1 << 32)},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := New(Request{Template: tmpl, SO: true})
			wantCode(t, err, ck.CKR_ATTRIBUTE_VALUE_INVALID)
		})
	}
}

// absent are the attributes of the standard that no object has: the package text
// says why. An attribute that comes to be supported is taken out of both.
var absent = [][]ck.AttributeType{
	{ck.CKA_AC_ISSUER, ck.CKA_OWNER, ck.CKA_ATTR_TYPES},
	{ck.CKA_PRIME, ck.CKA_SUBPRIME, ck.CKA_BASE, ck.CKA_PRIME_BITS, ck.CKA_SUBPRIME_BITS, ck.CKA_VALUE_BITS},
	{ck.CKA_SECONDARY_AUTH, ck.CKA_AUTH_PIN_FLAGS},
	{ck.CKA_OTP_FORMAT, ck.CKA_OTP_LENGTH, ck.CKA_OTP_TIME_INTERVAL, ck.CKA_OTP_USER_FRIENDLY_MODE,
		ck.CKA_OTP_CHALLENGE_REQUIREMENT, ck.CKA_OTP_TIME_REQUIREMENT, ck.CKA_OTP_COUNTER_REQUIREMENT, ck.CKA_OTP_PIN_REQUIREMENT,
		ck.CKA_OTP_COUNTER, ck.CKA_OTP_TIME, ck.CKA_OTP_USER_IDENTIFIER, ck.CKA_OTP_SERVICE_IDENTIFIER,
		ck.CKA_OTP_SERVICE_LOGO, ck.CKA_OTP_SERVICE_LOGO_TYPE},
	{ck.CKA_GOSTR3410_PARAMS, ck.CKA_GOSTR3411_PARAMS, ck.CKA_GOST28147_PARAMS},
	{ck.CKA_HW_FEATURE_TYPE, ck.CKA_RESET_ON_INIT, ck.CKA_HAS_RESET, ck.CKA_PIXEL_X, ck.CKA_PIXEL_Y, ck.CKA_RESOLUTION,
		ck.CKA_CHAR_ROWS, ck.CKA_CHAR_COLUMNS, ck.CKA_COLOR, ck.CKA_BITS_PER_PIXEL, ck.CKA_CHAR_SETS,
		ck.CKA_ENCODING_METHODS, ck.CKA_MIME_TYPES},
	{ck.CKA_REQUIRED_CMS_ATTRIBUTES, ck.CKA_DEFAULT_CMS_ATTRIBUTES, ck.CKA_SUPPORTED_CMS_ATTRIBUTES},
	{ck.CKA_X2RATCHET_BAG, ck.CKA_X2RATCHET_BAGSIZE, ck.CKA_X2RATCHET_BOBS1STMSG, ck.CKA_X2RATCHET_CKR, ck.CKA_X2RATCHET_CKS,
		ck.CKA_X2RATCHET_DHP, ck.CKA_X2RATCHET_DHR, ck.CKA_X2RATCHET_DHS, ck.CKA_X2RATCHET_HKR, ck.CKA_X2RATCHET_HKS,
		ck.CKA_X2RATCHET_ISALICE, ck.CKA_X2RATCHET_NHKR, ck.CKA_X2RATCHET_NHKS, ck.CKA_X2RATCHET_NR, ck.CKA_X2RATCHET_NS,
		ck.CKA_X2RATCHET_PNS, ck.CKA_X2RATCHET_RK},
	{ck.CKA_HSS_LEVELS, ck.CKA_HSS_LMS_TYPE, ck.CKA_HSS_LMOTS_TYPE, ck.CKA_HSS_LMS_TYPES, ck.CKA_HSS_LMOTS_TYPES,
		ck.CKA_HSS_KEYS_REMAINING, ck.CKA_PUBLIC_CRC64_VALUE},
}

// Every attribute of the standard is in a table, or known to be in none.
func TestEveryAttributeOfTheStandard(t *testing.T) {
	missing := map[ck.AttributeType]bool{}
	for _, group := range absent {
		for _, a := range group {
			missing[a] = true
		}
	}
	named := 0
	for n := range ck.AttributeType(0x1000) {
		for _, a := range []ck.AttributeType{n, n | ck.AttributeType(ck.CKF_ARRAY_ATTRIBUTE)} {
			if strings.HasPrefix(a.String(), "CKA_0x") {
				continue
			}
			named++
			if _, have := kinds[a]; have == missing[a] {
				t.Errorf("%v: in a table %v, said to be absent %v", a, have, missing[a])
			}
		}
	}
	if named < 150 {
		t.Errorf("only %d attributes have a name", named)
	}
}
