package ck

// A Use is something that a key may do.
type Use struct {
	Attribute AttributeType // of type CK_BBOOL
	Word      string        // as people are told
}

// Uses are the uses of keys, in the order in which people are told them (PKCS #11 3.2,
// sections 4.8 to 4.10). It is not to be changed.
var Uses = []Use{
	{CKA_SIGN, "sign"},
	{CKA_VERIFY, "verify"},
	{CKA_SIGN_RECOVER, "sign-recover"},
	{CKA_VERIFY_RECOVER, "verify-recover"},
	{CKA_ENCRYPT, "encrypt"},
	{CKA_DECRYPT, "decrypt"},
	{CKA_WRAP, "wrap"},
	{CKA_UNWRAP, "unwrap"},
	{CKA_DERIVE, "derive"},
}
