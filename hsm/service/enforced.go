package service

import (
	"crypto/fips140"
	"crypto/rsa"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Where the Go Cryptographic Module enforces approved mode (GODEBUG=fips140=only) it
// refuses what that does not allow, some of it by a panic and most of it in the middle of
// an operation, when no code is left that tells why. So that is refused here, at its start.

// bareAllowed answers for DigestInfo that the client made, over which crypto/rsa panics.
func bareAllowed(h *hashInfo) error {
	if h == nil && fips140.Enforced() {
		return ck.Errorf(ck.CKR_MECHANISM_INVALID, "approved mode is enforced: the mechanism must name the hash")
	}
	return nil
}

// pkcs1EncryptionAllowed answers for encryption after PKCS #1 v1.5.
func pkcs1EncryptionAllowed() error {
	if fips140.Enforced() {
		return ck.Errorf(ck.CKR_MECHANISM_INVALID, "approved mode is enforced: PKCS #1 v1.5 is for signatures only")
	}
	return nil
}

// Bounds of RSA keys where approved mode is enforced: the modulus in bits, and what the
// public exponent is above.
const (
	enforcedRSAMin      = 2048
	enforcedRSAExponent = 1 << 16
)

// sizeAllowed answers for the numbers of an RSA key.
func sizeAllowed(pub *rsa.PublicKey) error {
	bits := pub.N.BitLen()
	if fips140.Enforced() && (bits < enforcedRSAMin || bits%2 != 0 || pub.E <= enforcedRSAExponent) {
		return ck.Errorf(ck.CKR_KEY_SIZE_RANGE, "approved mode is enforced: RSA keys have %d bits or more, an even number, and a public exponent above %d", enforcedRSAMin, enforcedRSAExponent)
	}
	return nil
}

// rsaPublic is the public key of an operation of crypto/rsa.
func rsaPublic(k *Key) (*rsaPublicKey, error) {
	pub, err := parsedAs[*rsaPublicKey](k)
	if err != nil {
		return nil, err
	}
	return pub, sizeAllowed(pub.PublicKey)
}

// rsaPrivate is the private key of an operation of crypto/rsa.
func rsaPrivate(k *Key) (*rsaPrivateKey, error) {
	priv, err := parsedAs[*rsaPrivateKey](k)
	if err != nil {
		return nil, err
	}
	return priv, sizeAllowed(&priv.PublicKey)
}

// saltAllowed answers for the salt of a PSS signature, in bytes.
func saltAllowed(salt int, h *hashInfo) error {
	if salt > h.size && fips140.Enforced() {
		return ck.Errorf(ck.CKR_MECHANISM_PARAM_INVALID, "approved mode is enforced: a salt is not longer than the hash")
	}
	return nil
}

// curveAllowed answers for a curve: key agreement is not approved on Curve25519 (SP 800-56A).
func curveAllowed(c *curve) error {
	if c.kt == ck.CKK_EC_MONTGOMERY && fips140.Enforced() {
		return ck.Errorf(ck.CKR_CURVE_NOT_SUPPORTED, "approved mode is enforced: no %s", c.names[1])
	}
	return nil
}
