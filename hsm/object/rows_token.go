package object

import "github.com/coffer-hsm/coffer/hsm/ck"

// The tables of the objects that tell about the token or about certificates.
var (
	// Section 4.7, trust objects. What goes with what is in checkTrust.
	trustRows = []row{
		{ck.CKA_ISSUER, kindBytes, mustCreate, nil},
		{ck.CKA_SERIAL_NUMBER, kindBytes, mustCreate, nil},
		{ck.CKA_HASH_OF_CERTIFICATE, kindBytes, 0, empty},
		{ck.CKA_NAME_HASH_ALGORITHM, kindUlong, 0, sha1Hash},
		{ck.CKA_TRUST_SERVER_AUTH, kindUlong, mayModify, zero},
		{ck.CKA_TRUST_CLIENT_AUTH, kindUlong, mayModify, zero},
		{ck.CKA_TRUST_CODE_SIGNING, kindUlong, mayModify, zero},
		{ck.CKA_TRUST_EMAIL_PROTECTION, kindUlong, mayModify, zero},
		{ck.CKA_TRUST_IPSEC_IKE, kindUlong, mayModify, zero},
		{ck.CKA_TRUST_TIME_STAMPING, kindUlong, mayModify, zero},
		{ck.CKA_TRUST_OCSP_SIGNING, kindUlong, mayModify, zero},
	}

	// Section 4.13, mechanism objects.
	mechanismRows = []row{{ck.CKA_MECHANISM_TYPE, kindUlong, never, nil}}

	// Section 4.14, profile objects.
	profileRows = []row{{ck.CKA_PROFILE_ID, kindUlong, never, nil}}

	// Section 4.15, validation objects. CKA_VALIDATION_VERSION is a CK_VERSION.
	validationRows = []row{
		{ck.CKA_VALIDATION_TYPE, kindUlong, never, nil},
		{ck.CKA_VALIDATION_VERSION, kindBytes, never, nil},
		{ck.CKA_VALIDATION_LEVEL, kindUlong, never, nil},
		{ck.CKA_VALIDATION_MODULE_ID, kindBytes, never, nil},
		{ck.CKA_VALIDATION_FLAG, kindUlong, never, nil},
		{ck.CKA_VALIDATION_AUTHORITY_TYPE, kindUlong, never, nil},
		{ck.CKA_VALIDATION_COUNTRY, kindBytes, never, empty},
		{ck.CKA_VALIDATION_CERTIFICATE_IDENTIFIER, kindBytes, never, empty},
		{ck.CKA_VALIDATION_CERTIFICATE_URI, kindBytes, never, empty},
		{ck.CKA_VALIDATION_VENDOR_URI, kindBytes, never, empty},
		{ck.CKA_VALIDATION_PROFILE, kindBytes, never, empty},
	}
)

// builtIns are the classes of which the token itself has the objects: nobody can
// make others.
var builtIns = []typeOf{
	{class: ck.CKO_MECHANISM, rows: [][]row{storageRows, openRows, mechanismRows}},
	{class: ck.CKO_PROFILE, rows: [][]row{storageRows, openRows, profileRows}},
	{class: ck.CKO_VALIDATION, rows: [][]row{storageRows, openRows, validationRows}},
}
