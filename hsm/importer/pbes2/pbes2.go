// Package pbes2 opens what is sealed under a password by PBES2 (PKCS #5, RFC 8018,
// section 6.2): encrypted PKCS #8 files, and the attributes in NSS key databases; and
// checks what is authenticated by PBMAC1 (section 7.1).
//
// It knows PBKDF2 (HMAC with SHA-1 and SHA-2) and scrypt (RFC 7914), AES-CBC and, for
// old files, triple DES. All are the standard library's or golang.org/x/crypto's.
package pbes2

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	encodingasn1 "encoding/asn1"
	"errors"
	"fmt"
	"hash"
	"unsafe"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/scrypt"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

var (
	// ErrPassword is for a wrong password; damaged ciphertext looks the same.
	ErrPassword = errors.New("wrong password, or damaged")
	// ErrMAC is for what PBMAC1 was not computed over, or under another password.
	ErrMAC = errors.New("not authentic: it was changed")
	// ErrFormat is for what is not PBES2, or is cut off.
	ErrFormat = errors.New("not data sealed by PBES2")
	// ErrUnsupported is for an algorithm that is not known here, or a cost that would
	// take for ever.
	ErrUnsupported = errors.New("sealed in a way that is not supported")
)

// The most that a file may ask for: minutes of computing, and memory for scrypt.
const (
	MaxIterations   = 50_000_000
	maxScryptMemory = 1 << 30 // 128 * N * r, in bytes
	maxScryptWork   = 1 << 26 // N * r * p
)

// The object identifiers of RFC 8018, appendix C, and RFC 7914, section 7.
var (
	oidPBMAC1 = encodingasn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 14}
	oidPBES2  = encodingasn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = encodingasn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidScrypt = encodingasn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}
)

// prfs are the HMACs of PBKDF2, by the last number of {1 2 840 113549 2}.
var prfs = map[int]func() hash.Hash{
	7: sha1.New, 8: sha256.New224, 9: sha256.New, 10: sha512.New384, 11: sha512.New, 12: sha512.New512_224, 13: sha512.New512_256,
}

var oidHMAC = encodingasn1.ObjectIdentifier{1, 2, 840, 113549, 2}

// encryption is a cipher in CBC mode with the padding of PKCS #7.
type encryption struct {
	oid    encodingasn1.ObjectIdentifier
	keyLen int
	block  func([]byte) (cipher.Block, error)
}

// encryptions are aes128-CBC-PAD, aes192-, aes256- and des-EDE3-CBC.
var encryptions = []encryption{
	{encodingasn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}, 16, aes.NewCipher},
	{encodingasn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 22}, 24, aes.NewCipher},
	{encodingasn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, 32, aes.NewCipher},
	{encodingasn1.ObjectIdentifier{1, 2, 840, 113549, 3, 7}, 24, des.NewTripleDESCipher},
}

// Open returns what der has sealed: an EncryptedPrivateKeyInfo (RFC 5958, section 3),
// or any other pair of an algorithm and an OCTET STRING. ErrFormat, ErrUnsupported,
// ErrPassword. The caller owns the result.
func Open(der, password []byte) (*secret.Bytes, error) {
	s, err := parse(der)
	if err != nil {
		return nil, err
	}
	key, err := s.derive(password, s.cipher.keyLen)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := s.cipher.block(key)
	if err != nil {
		return nil, ErrUnsupported
	}
	if len(s.iv) != block.BlockSize() || len(s.data) == 0 || len(s.data)%block.BlockSize() != 0 {
		return nil, ErrFormat
	}
	out := secret.New(len(s.data))
	defer out.Zero()
	cipher.NewCBCDecrypter(block, s.iv).CryptBlocks(out.Expose(), s.data)
	return unpad(out.Expose(), block.BlockSize())
}

// unpad returns b without the padding of PKCS #7.
func unpad(b []byte, size int) (*secret.Bytes, error) {
	n := int(b[len(b)-1])
	if n == 0 || n > size {
		return nil, ErrPassword
	}
	for _, x := range b[len(b)-n:] {
		if int(x) != n {
			return nil, ErrPassword
		}
	}
	out := secret.New(len(b) - n)
	copy(out.Expose(), b)
	return out, nil
}

// sealed is what Open works on.
type sealed struct {
	derive deriver
	cipher encryption
	iv     []byte
	data   []byte
}

func parse(der []byte) (*sealed, error) {
	s := &sealed{}
	derive, scheme, data, err := split(der, oidPBES2)
	if err != nil {
		return nil, err
	}
	s.derive, s.data = derive, data
	return s, s.parseCipher(scheme)
}

// split reads what PBES2 and PBMAC1 have in common: how a key is derived, what is done
// with it, and the octets that came of that.
func split(der []byte, want encodingasn1.ObjectIdentifier) (derive deriver, scheme, data cryptobyte.String, err error) {
	in := cryptobyte.String(der)
	var outer, algorithm, params, kdf cryptobyte.String
	var oid encodingasn1.ObjectIdentifier
	if !in.ReadASN1(&outer, asn1.SEQUENCE) || !in.Empty() ||
		!outer.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) ||
		!outer.ReadASN1(&data, asn1.OCTET_STRING) {
		return nil, nil, nil, ErrFormat
	}
	if !oid.Equal(want) {
		return nil, nil, nil, fmt.Errorf("%w: algorithm %v", ErrUnsupported, oid)
	}
	if !algorithm.ReadASN1(&params, asn1.SEQUENCE) || !params.ReadASN1(&kdf, asn1.SEQUENCE) ||
		!params.ReadASN1(&scheme, asn1.SEQUENCE) {
		return nil, nil, nil, ErrFormat
	}
	derive, err = parseKDF(kdf)
	return derive, scheme, data, err
}

// deriver derives a key of so many bytes from a password.
type deriver func(password []byte, keyLen int) ([]byte, error)

// parseCipher reads encryptionScheme. NSS has an initialization vector of 14 bytes for
// AES, and takes their DER encoding, which has 16.
func (s *sealed) parseCipher(scheme cryptobyte.String) error {
	var oid encodingasn1.ObjectIdentifier
	var iv, whole cryptobyte.String
	if !scheme.ReadASN1ObjectIdentifier(&oid) {
		return ErrFormat
	}
	whole = scheme
	if !scheme.ReadASN1(&iv, asn1.OCTET_STRING) {
		return ErrFormat
	}
	if len(iv) == aes.BlockSize-2 {
		iv = whole[:aes.BlockSize]
	}
	s.iv = iv
	for _, e := range encryptions {
		if oid.Equal(e.oid) {
			s.cipher = e
			return nil
		}
	}
	return fmt.Errorf("%w: cipher %v", ErrUnsupported, oid)
}

func parseKDF(in cryptobyte.String) (deriver, error) {
	var oid encodingasn1.ObjectIdentifier
	var params cryptobyte.String
	if !in.ReadASN1ObjectIdentifier(&oid) || !in.ReadASN1(&params, asn1.SEQUENCE) {
		return nil, ErrFormat
	}
	switch {
	case oid.Equal(oidPBKDF2):
		return parsePBKDF2(params)
	case oid.Equal(oidScrypt):
		return parseScrypt(params)
	}
	return nil, fmt.Errorf("%w: key derivation %v", ErrUnsupported, oid)
}

// readOptional reads an INTEGER if there is one.
func readOptional(in *cryptobyte.String, n *int) bool {
	return !in.PeekASN1Tag(asn1.INTEGER) || in.ReadASN1Integer(n)
}

// parsePBKDF2 reads PBKDF2-params (RFC 8018, appendix A.2).
func parsePBKDF2(in cryptobyte.String) (deriver, error) {
	var salt, prf cryptobyte.String
	var iterations, keyLen int
	var hasPRF bool
	if !in.ReadASN1(&salt, asn1.OCTET_STRING) || !in.ReadASN1Integer(&iterations) ||
		!readOptional(&in, &keyLen) ||
		!in.ReadOptionalASN1(&prf, &hasPRF, asn1.SEQUENCE) {
		return nil, ErrFormat
	}
	if iterations < 1 || iterations > MaxIterations {
		return nil, fmt.Errorf("%w: %d iterations", ErrUnsupported, iterations)
	}
	h := sha1.New // the default
	if hasPRF {
		var err error
		if h, err = parseHMAC(prf); err != nil {
			return nil, err
		}
	}
	return func(password []byte, n int) ([]byte, error) {
		if keyLen != 0 && keyLen != n {
			return nil, ErrFormat
		}
		return pbkdf2.Key(h, AsString(password), salt, iterations, n)
	}, nil
}

// parseHMAC reads an algorithm that is HMAC with a hash.
func parseHMAC(in cryptobyte.String) (func() hash.Hash, error) {
	var oid encodingasn1.ObjectIdentifier
	if !in.ReadASN1ObjectIdentifier(&oid) {
		return nil, ErrFormat
	}
	if len(oid) != len(oidHMAC)+1 || !oid[:len(oidHMAC)].Equal(oidHMAC) || prfs[oid[len(oidHMAC)]] == nil {
		return nil, fmt.Errorf("%w: HMAC %v", ErrUnsupported, oid)
	}
	return prfs[oid[len(oidHMAC)]], nil
}

// AsString returns b itself as a string, for calls that take a password as one: no copy
// is made that could not be wiped. It is good as long as b is.
func AsString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// parseScrypt reads scrypt-params (RFC 7914, section 7.1).
func parseScrypt(in cryptobyte.String) (deriver, error) {
	var salt cryptobyte.String
	var n, r, p, keyLen int
	if !in.ReadASN1(&salt, asn1.OCTET_STRING) || !in.ReadASN1Integer(&n) || !in.ReadASN1Integer(&r) ||
		!in.ReadASN1Integer(&p) || !readOptional(&in, &keyLen) {
		return nil, ErrFormat
	}
	const most = 1 << 30
	if n < 2 || r < 1 || p < 1 || n > most || r > most || p > most ||
		n > maxScryptMemory/128/r || n*r > maxScryptWork/p {
		return nil, fmt.Errorf("%w: scrypt with N=%d, r=%d, p=%d", ErrUnsupported, n, r, p)
	}
	return func(password []byte, length int) ([]byte, error) {
		if keyLen != 0 && keyLen != length {
			return nil, ErrFormat
		}
		key, err := scrypt.Key(password, salt, n, r, p, length)
		if err != nil {
			return nil, ErrFormat
		}
		return key, nil
	}, nil
}
