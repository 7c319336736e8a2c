package object

import "github.com/coffer-hsm/coffer/hsm/ck"

// The tables of the standard, one a table there. mayModify stands where the
// standard has footnote 8 or says in its text that the attribute can be changed.
var (
	// Section 4.4, common storage object attributes, with CKA_CLASS (4.2).
	storageRows = []row{
		{ck.CKA_CLASS, kindUlong, mustCreate, nil},
		{ck.CKA_TOKEN, kindBool, mayCopy, no},
		{ck.CKA_LABEL, kindBytes, mayModify, empty},
		{ck.CKA_UNIQUE_ID, kindBytes, never, uniqueID},
		{ck.CKA_MODIFIABLE, kindBool, mayCopy, yes},
		{ck.CKA_COPYABLE, kindBool, mayModify | onceFalse, yes},
		{ck.CKA_DESTROYABLE, kindBool, mayCopy, yes},
	}
	openRows    = []row{{ck.CKA_PRIVATE, kindBool, mayCopy, no}}
	privateRows = []row{{ck.CKA_PRIVATE, kindBool, mayCopy, notForSO}}

	// Section 4.5, data objects.
	dataRows = []row{
		{ck.CKA_APPLICATION, kindBytes, mayModify, empty},
		{ck.CKA_OBJECT_ID, kindBytes, mayModify, empty},
		{ck.CKA_VALUE, kindBytes, mayModify, empty},
	}

	// Section 4.6.2, common certificate object attributes.
	certificateRows = []row{
		{ck.CKA_CERTIFICATE_TYPE, kindUlong, mustCreate, nil},
		{ck.CKA_TRUSTED, kindBool, mayModify | onlySO, no},
		{ck.CKA_CERTIFICATE_CATEGORY, kindUlong, 0, zero},
		{ck.CKA_CHECK_VALUE, kindBytes, 0, checkSum},
		{ck.CKA_START_DATE, kindDate, 0, empty},
		{ck.CKA_END_DATE, kindDate, 0, empty},
		{ck.CKA_PUBLIC_KEY_INFO, kindBytes, 0, fromCertificate},
	}

	// Section 4.6.3, X.509 public key certificates. The hashes and the subject are
	// held to more than a row can say: checkCertificate.
	x509Rows = []row{
		{ck.CKA_SUBJECT, kindBytes, mustCreate, fromCertificate},
		{ck.CKA_ID, kindBytes, mayModify, empty},
		{ck.CKA_ISSUER, kindBytes, mayModify, fromCertificate},
		{ck.CKA_SERIAL_NUMBER, kindBytes, mayModify, fromCertificate},
		{ck.CKA_VALUE, kindBytes, 0, empty},
		{ck.CKA_URL, kindBytes, 0, empty},
		{ck.CKA_HASH_OF_SUBJECT_PUBLIC_KEY, kindBytes, 0, empty},
		{ck.CKA_HASH_OF_ISSUER_PUBLIC_KEY, kindBytes, 0, empty},
		{ck.CKA_JAVA_MIDP_SECURITY_DOMAIN, kindUlong, 0, zero},
		{ck.CKA_NAME_HASH_ALGORITHM, kindUlong, 0, sha1Hash},
	}

	// Section 4.7, common key attributes.
	keyRows = []row{
		{ck.CKA_KEY_TYPE, kindUlong, mustCreate | mustUnwrap, nil},
		{ck.CKA_ID, kindBytes, mayModify, empty},
		{ck.CKA_START_DATE, kindDate, mayModify, empty},
		{ck.CKA_END_DATE, kindDate, mayModify, empty},
		{ck.CKA_DERIVE, kindBool, mayModify, usual},
		{ck.CKA_LOCAL, kindBool, never, generated},
		{ck.CKA_KEY_GEN_MECHANISM, kindUlong, never, generatedBy},
		{ck.CKA_ALLOWED_MECHANISMS, kindUlongs, 0, nil},
		{ck.CKA_OBJECT_VALIDATION_FLAGS, kindUlong, never, zero},
	}

	// Section 4.12, domain parameter objects: of them, none is generated here.
	domainRows = []row{
		{ck.CKA_KEY_TYPE, kindUlong, mustCreate, nil},
		{ck.CKA_LOCAL, kindBool, never, generated},
	}

	// Section 4.8, public key objects.
	publicKeyRows = []row{
		{ck.CKA_SUBJECT, kindBytes, mayModify, empty},
		{ck.CKA_ENCRYPT, kindBool, mayModify, usual},
		{ck.CKA_VERIFY, kindBool, mayModify, usual},
		{ck.CKA_VERIFY_RECOVER, kindBool, mayModify, usual},
		{ck.CKA_WRAP, kindBool, mayModify, usual},
		{ck.CKA_ENCAPSULATE, kindBool, mayModify, usual},
		{ck.CKA_TRUSTED, kindBool, mayModify | onlySO, no},
		{ck.CKA_WRAP_TEMPLATE, kindTemplate, 0, nil},
		{ck.CKA_ENCAPSULATE_TEMPLATE, kindTemplate, 0, nil},
		{ck.CKA_PUBLIC_KEY_INFO, kindBytes, 0, empty},
	}

	// Sections 4.9 and 4.10, what private and secret keys have in common.
	guardedKeyRows = []row{
		{ck.CKA_SENSITIVE, kindBool, mayModify | onceTrue, yes},
		{ck.CKA_EXTRACTABLE, kindBool, mayModify | onceFalse, no},
		{ck.CKA_ALWAYS_SENSITIVE, kindBool, never, alwaysSensitive},
		{ck.CKA_NEVER_EXTRACTABLE, kindBool, never, neverExtractable},
		{ck.CKA_WRAP_WITH_TRUSTED, kindBool, mayModify | onceTrue, no},
		{ck.CKA_DECRYPT, kindBool, mayModify, usual},
		{ck.CKA_SIGN, kindBool, mayModify, usual},
		{ck.CKA_UNWRAP, kindBool, mayModify, usual},
		{ck.CKA_UNWRAP_TEMPLATE, kindTemplate, 0, nil},
		{ck.CKA_DERIVE_TEMPLATE, kindTemplate, 0, nil},
	}

	// Section 4.9, private key objects.
	privateKeyRows = []row{
		{ck.CKA_SUBJECT, kindBytes, mayModify, empty},
		{ck.CKA_SIGN_RECOVER, kindBool, mayModify, usual},
		{ck.CKA_DECAPSULATE, kindBool, mayModify, usual},
		{ck.CKA_ALWAYS_AUTHENTICATE, kindBool, 0, no},
		{ck.CKA_DECAPSULATE_TEMPLATE, kindTemplate, 0, nil},
		{ck.CKA_PUBLIC_KEY_INFO, kindBytes, 0, empty},
	}

	// Section 4.10, secret key objects.
	secretKeyRows = []row{
		{ck.CKA_ENCRYPT, kindBool, mayModify, usual},
		{ck.CKA_VERIFY, kindBool, mayModify, usual},
		{ck.CKA_WRAP, kindBool, mayModify, usual},
		{ck.CKA_TRUSTED, kindBool, mayModify | onlySO, no},
		{ck.CKA_WRAP_TEMPLATE, kindTemplate, 0, nil},
		{ck.CKA_CHECK_VALUE, kindBytes, derivedValue, nil},
	}
)

// The attributes of key types (chapter 6).
var (
	// Section 6.1.2, RSA public key objects.
	rsaPublicRows = []row{
		{ck.CKA_MODULUS, kindBytes, mustCreate | notGenerate | restated, nil},
		{ck.CKA_MODULUS_BITS, kindUlong, notCreate | mustGenerate, nil},
		{ck.CKA_PUBLIC_EXPONENT, kindBytes, mustCreate | restated, nil},
	}

	// Section 6.1.3, RSA private key objects.
	rsaPrivateRows = []row{
		{ck.CKA_MODULUS, kindBytes, mustCreate | notGenerate | notUnwrap | restated, nil},
		{ck.CKA_PUBLIC_EXPONENT, kindBytes, notGenerate | notUnwrap | restated, nil},
		{ck.CKA_PRIVATE_EXPONENT, kindBytes, mustCreate | keySecret, nil},
		{ck.CKA_PRIME_1, kindBytes, keySecret, nil},
		{ck.CKA_PRIME_2, kindBytes, keySecret, nil},
		{ck.CKA_EXPONENT_1, kindBytes, keySecret, nil},
		{ck.CKA_EXPONENT_2, kindBytes, keySecret, nil},
		{ck.CKA_COEFFICIENT, kindBytes, keySecret, nil},
	}

	// Sections 6.3.3, 6.3.5 and 6.3.7: EC, Edwards and Montgomery public keys.
	ecPublicRows = []row{
		{ck.CKA_EC_PARAMS, kindBytes, mustCreate | mustGenerate | restated, nil},
		{ck.CKA_EC_POINT, kindBytes, mustCreate | notGenerate | restated, nil},
	}

	// The parameters of such keys by themselves.
	ecDomainRows = []row{{ck.CKA_EC_PARAMS, kindBytes, mustCreate | restated, nil}}

	// Sections 6.3.4, 6.3.6 and 6.3.8: their private keys.
	ecPrivateRows = []row{
		{ck.CKA_EC_PARAMS, kindBytes, mustCreate | notGenerate | notUnwrap | restated, nil},
		{ck.CKA_EC_POINT, kindBytes, notGenerate | notUnwrap | restated, nil},
		{ck.CKA_VALUE, kindBytes, mustCreate | keySecret, nil},
	}

	// Section 6.68.2, ML-KEM public keys.
	mlkemPublicRows = []row{
		{ck.CKA_PARAMETER_SET, kindUlong, mustCreate | mustGenerate, nil},
		{ck.CKA_VALUE, kindBytes, mustCreate | notGenerate, nil},
	}

	// Section 6.68.3, ML-KEM private keys. CKA_VALUE follows from the seed.
	mlkemPrivateRows = []row{
		{ck.CKA_PARAMETER_SET, kindUlong, mustCreate | notGenerate | notUnwrap, nil},
		{ck.CKA_SEED, kindBytes, mustCreate | keySecret, nil},
		{ck.CKA_VALUE, kindBytes, mustCreate | keySecret, nil},
	}

	// Sections 6.9 (generic secret) and 6.13 (AES); HMAC keys are the same.
	secretValueRows = []row{
		{ck.CKA_VALUE, kindBytes, mustCreate | keySecret, nil},
		{ck.CKA_VALUE_LEN, kindUlong, notCreate | mustGenerate, nil},
	}
)

// keySecret is the rule of all that makes up a secret: footnotes 4, 6 and 7.
const keySecret = notGenerate | notUnwrap | secretValue | restated
