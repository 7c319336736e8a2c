package service

import (
	"crypto/cipher"
	"encoding/binary"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/poly1305"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// ChaCha20-Poly1305 (section 6.61) of RFC 8439, and XChaCha20-Poly1305 where the
// nonce is the longer one. The nonce of 64 bits is refused: its construction is
// another one and is written down nowhere that the standard points to.
func init() {
	m := ciphering(newChaCha20Poly1305, chachaMechanism(ck.CKM_CHACHA20_POLY1305, ck.ParamChaCha20Poly1305))
	register(messaging(ck.ChaCha20Poly1305Message, chachaKeyOf, m))
}

// chachaKey is the parsed form of a ChaCha20 key, and the aeadKey of it.
type chachaKey struct{ value [chacha20.KeySize]byte }

// zero wipes the key, with which no operation may be under way.
func (key *chachaKey) zero()    { clear(key.value[:]) }
func (key *chachaKey) abandon() { whenForgotten(key, (*chachaKey).zero) }

// chacha returns the key ready for use.
func (k *Key) chacha() (*chachaKey, error) { return parsedAs[*chachaKey](k) }

func chachaKeyOf(k *Key) (aeadKey, error) {
	key, err := k.chacha()
	return key, err
}

// parseChaCha answers CKR_ATTRIBUTE_VALUE_INVALID for a value that is not a key.
func parseChaCha(a source) (any, error) {
	value := a(ck.CKA_VALUE)
	if len(value) != chacha20.KeySize {
		return nil, ck.CKR_ATTRIBUTE_VALUE_INVALID
	}
	return &chachaKey{[chacha20.KeySize]byte(value)}, nil
}

func newChaCha20Poly1305(k *Key, m *ck.Mechanism, d direction) (api.Cipher, error) {
	p := m.Param.(*ck.ChaCha20Poly1305Params)
	key, err := k.chacha()
	if err != nil {
		return nil, err
	}
	c, err := newAEAD(key, d, p.Nonce, p.AAD, anySize, chacha20poly1305.Overhead)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (key *chachaKey) aead(nonceSize, tagSize int) (aead cipher.AEAD, err error) {
	switch {
	case tagSize != chacha20poly1305.Overhead:
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	case nonceSize == ietfNonceSize:
		aead, err = chacha20poly1305.New(key.value[:])
	case nonceSize == extendedNonceSize:
		aead, err = chacha20poly1305.NewX(key.value[:])
	default:
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	if err != nil {
		return nil, refusal(err)
	}
	return aead, nil
}

// longest is RFC 8439 section 2.8: all blocks of the key stream but the first.
func (key *chachaKey) longest(int) uint64 { return chachaBlockSize * (1<<32 - 1) }

func (key *chachaKey) parts(nonce, aad []byte, _ uint64, _ int) (partEncrypter, error) {
	stream, err := chacha20.NewUnauthenticatedCipher(key.value[:], nonce)
	if err != nil {
		return nil, refusal(err)
	}
	var once [32]byte // RFC 8439 section 2.6: the start of block 0
	defer clear(once[:])
	stream.XORKeyStream(once[:], once[:])
	stream.SetCounter(1)
	e := &chachaEncrypter{stream: stream, mac: poly1305.New(&once), aad: uint64(len(aad))}
	e.mac.Write(aad)
	e.pad(e.aad)
	return e, nil
}

// chachaEncrypter is the AEAD of RFC 8439 section 2.8 in parts.
type chachaEncrypter struct {
	stream *chacha20.Cipher
	mac    *poly1305.MAC
	aad, n uint64 // bytes
}

func (e *chachaEncrypter) Encrypt(dst, src []byte) {
	dst = dst[:len(src)]
	e.stream.XORKeyStream(dst, src)
	e.mac.Write(dst)
	e.n += uint64(len(src))
}

func (e *chachaEncrypter) Tag() []byte {
	e.pad(e.n)
	lengths := binary.LittleEndian.AppendUint64(nil, e.aad)
	e.mac.Write(binary.LittleEndian.AppendUint64(lengths, e.n))
	return e.mac.Sum(nil)
}

// pad fills up with zeros what has n bytes.
func (e *chachaEncrypter) pad(n uint64) {
	var zeros [16]byte
	e.mac.Write(zeros[:(16-n%16)%16])
}
