package ck

// Mechanism is a CK_MECHANISM by value: its type and its parameter, deep-copied
// into one of the types below (a pointer to it), or nil where there is none.
// A mechanism's registration says which of them it takes (ParamKind); the C
// shell builds that one and nothing else, so an operation may rely on the type.
type Mechanism struct {
	Type  MechanismType
	Param any
	// Registration is what the module has told under that name when it was asked how
	// to read the parameter (api.MechanismInfo), or nil. It is the module's own, and
	// saves looking for it a second time.
	Registration any
	// Owner is told when nobody needs the mechanism any more, parameter and all, by who
	// took it over (package slots); nil: nobody wants to know.
	Owner interface{ Released() }
}

// ParamKind says which parameter a mechanism takes.
type ParamKind int

// The parameter kinds and the Go types they are carried in.
const (
	ParamNone             ParamKind = iota // no parameter: Mechanism.Param is nil
	ParamBytes                             // *BytesParam: an IV, or any bytes of free length
	ParamUlong                             // *UlongParam: CK_MAC_GENERAL_PARAMS, CK_EXTRACT_PARAMS
	ParamRSAPSS                            // *RSAPSSParams
	ParamRSAOAEP                           // *RSAOAEPParams
	ParamECDH1                             // *ECDH1Params
	ParamAESCTR                            // *CTRParams
	ParamGCM                               // *GCMParams
	ParamEdDSA                             // *EdDSAParams, or nil: the parameter is optional
	ParamRSAAESWrap                        // *RSAAESWrapParams
	ParamOptionalBytes                     // *BytesParam, or nil: an IV that has a default (AES key wrap)
	ParamKeyData                           // *BytesParam: CK_KEY_DERIVATION_STRING_DATA
	ParamCBCEncryptData                    // *CBCEncryptDataParams: CK_AES_CBC_ENCRYPT_DATA_PARAMS
	ParamCCM                               // *CCMParams
	ParamChaCha20                          // *ChaCha20Params
	ParamChaCha20Poly1305                  // *ChaCha20Poly1305Params
	ParamHKDF                              // *HKDFParams
)

type (
	// BytesParam is a parameter that is a plain byte string.
	BytesParam struct{ Bytes []byte }

	// UlongParam is a parameter that is one CK_ULONG.
	UlongParam struct{ Value uint64 }

	// RSAPSSParams is CK_RSA_PKCS_PSS_PARAMS. SaltLen is in bytes.
	RSAPSSParams struct {
		Hash    MechanismType
		MGF     MGF
		SaltLen uint64
	}

	// RSAOAEPParams is CK_RSA_PKCS_OAEP_PARAMS. Source is 0 or CKZ_DATA_SPECIFIED.
	RSAOAEPParams struct {
		Hash   MechanismType
		MGF    MGF
		Source uint64
		Label  []byte
	}

	// ECDH1Params is CK_ECDH1_DERIVE_PARAMS.
	ECDH1Params struct {
		KDF        KDF
		SharedData []byte
		PublicData []byte // the peer's point, raw or as a DER OCTET STRING
	}

	// CTRParams is CK_AES_CTR_PARAMS. Bits is the width of the counter.
	CTRParams struct {
		Bits  uint64
		Block [16]byte
	}

	// GCMParams is CK_GCM_PARAMS, with or without ulIvBits in C.
	GCMParams struct {
		IV, AAD []byte
		TagBits uint64
	}

	// WrapParams is CK_GCM_WRAP_PARAMS or CK_CCM_WRAP_PARAMS, which C_WrapKey may be given
	// in place of CK_GCM_PARAMS and CK_CCM_PARAMS. Nonce is memory of the caller as in
	// MessageParams, and made as there. The length of the data is the key's.
	WrapParams struct {
		Nonce, AAD           []byte
		FixedBits, Generator uint64
		TagBits              uint64
	}

	// EdDSAParams is CK_EDDSA_PARAMS.
	EdDSAParams struct {
		PreHash bool
		Context []byte
	}

	// RSAAESWrapParams is CK_RSA_AES_KEY_WRAP_PARAMS. AESBits is 128, 192 or 256.
	RSAAESWrapParams struct {
		AESBits uint64
		OAEP    RSAOAEPParams
	}

	// CCMParams is CK_CCM_PARAMS. DataLen and MACLen are in bytes.
	CCMParams struct {
		DataLen, MACLen uint64
		Nonce, AAD      []byte
	}

	// ChaCha20Params is CK_CHACHA20_PARAMS. Counter is the number of the first block.
	ChaCha20Params struct {
		Counter uint64
		Nonce   []byte
	}

	// ChaCha20Poly1305Params is CK_SALSA20_CHACHA20_POLY1305_PARAMS.
	ChaCha20Poly1305Params struct{ Nonce, AAD []byte }

	// CBCEncryptDataParams is CK_AES_CBC_ENCRYPT_DATA_PARAMS.
	CBCEncryptDataParams struct {
		IV   [16]byte
		Data []byte
	}

	// HKDFParams is CK_HKDF_PARAMS. SaltType is one of CKF_HKDF_SALT_NULL, _DATA and
	// _KEY. The salt of the last is the key SaltKey, which who calls a partition names
	// in SaltID (an api.ObjectID), and of which the partition puts the value into Salt.
	HKDFParams struct {
		Extract, Expand bool
		Hash            MechanismType
		SaltType        Flags
		Salt, Info      []byte
		SaltKey         ObjectHandle
		SaltID          [16]byte
	}
)
