package clienttest

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/miekg/pkcs11"
)

// A token is a session with the token of a test, logged in.
type token struct {
	*pkcs11.Ctx
	session pkcs11.SessionHandle
}

// openToken loads MODULE, finds the token and logs in, as most Go programs do.
func openToken() (*token, error) {
	ctx := pkcs11.New(os.Getenv("MODULE"))
	if ctx == nil {
		return nil, errors.New("the module could not be loaded")
	}
	if err := ctx.Initialize(); err != nil {
		return nil, fmt.Errorf("initialize: %w", err)
	}
	slots, err := ctx.GetSlotList(true)
	if err != nil {
		return nil, err
	}
	for _, slot := range slots {
		info, err := ctx.GetTokenInfo(slot)
		if err != nil {
			return nil, fmt.Errorf("token info: %w", err)
		}
		if info.Label != "test" {
			continue
		}
		session, err := ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		if err != nil {
			return nil, err
		}
		return &token{ctx, session}, ctx.Login(session, pkcs11.CKU_USER, userPIN)
	}
	return nil, errors.New("no token test")
}

func (t *token) close() error {
	if err := t.Finalize(); err != nil {
		return err
	}
	t.Destroy()
	return nil
}

// find returns the objects that a template fits.
func (t *token) find(template ...*pkcs11.Attribute) ([]pkcs11.ObjectHandle, error) {
	if err := t.FindObjectsInit(t.session, template); err != nil {
		return nil, err
	}
	var all []pkcs11.ObjectHandle
	for {
		some, _, err := t.FindObjects(t.session, 20)
		if err != nil {
			return nil, err
		}
		if len(some) == 0 {
			return all, t.FindObjectsFinal(t.session)
		}
		all = append(all, some...)
	}
}

// value returns one attribute.
func (t *token) value(object pkcs11.ObjectHandle, kind uint) ([]byte, error) {
	attributes, err := t.GetAttributeValue(t.session, object, []*pkcs11.Attribute{pkcs11.NewAttribute(kind, nil)})
	if err != nil {
		return nil, err
	}
	return attributes[0].Value, nil
}

func (t *token) makeAES(label string) (pkcs11.ObjectHandle, error) {
	return t.GenerateKey(t.session, mechanism(pkcs11.CKM_AES_KEY_GEN, nil), []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
		pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true),
		pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, true),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32),
	})
}

func mechanism(kind uint, parameter any) []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(kind, parameter)}
}

// miekgClient does what programs on github.com/miekg/pkcs11 do.
func miekgClient() error {
	t, err := openToken()
	if err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		run  func(*token) error
	}{
		{"RSA", miekgRSA},
		{"GCM", miekgGCM},
		{"X25519", miekgX25519},
		{"random", miekgRandom},
		{"wrong PIN", miekgWrongPIN},
	} {
		if err := step.run(t); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return t.close()
}

func miekgRSA(t *token) error {
	public, private, err := t.GenerateKeyPair(t.session, mechanism(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil),
		[]*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true),
			pkcs11.NewAttribute(pkcs11.CKA_MODULUS_BITS, 2048),
			pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
			pkcs11.NewAttribute(pkcs11.CKA_LABEL, "miekg"),
		}, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
			pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
			pkcs11.NewAttribute(pkcs11.CKA_LABEL, "miekg"),
		})
	if err != nil {
		return err
	}
	found, err := t.find(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_LABEL, "miekg"))
	if err != nil || !slices.Equal(found, []pkcs11.ObjectHandle{private}) {
		return fmt.Errorf("found %v, %w", found, err)
	}
	if _, err := t.value(private, pkcs11.CKA_PRIVATE_EXPONENT); err != pkcs11.Error(pkcs11.CKR_ATTRIBUTE_SENSITIVE) {
		return fmt.Errorf("private exponent: %w", err)
	}
	if err := t.SignInit(t.session, mechanism(pkcs11.CKM_SHA256_RSA_PKCS, nil), private); err != nil {
		return err
	}
	signature, err := t.Sign(t.session, []byte("some text"))
	if err != nil {
		return err
	}
	der, err := t.value(public, pkcs11.CKA_PUBLIC_KEY_INFO)
	if err != nil {
		return err
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte("some text"))
	if err := rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), crypto.SHA256, digest[:], signature); err != nil {
		return err
	}
	return t.DestroyObject(t.session, private)
}

func miekgGCM(t *token) error {
	key, err := t.makeAES("miekg-aes")
	if err != nil {
		return err
	}
	for _, iv := range [][]byte{[]byte("twelve bytes"), {7}} {
		sealed, err := t.gcm(t.EncryptInit, t.Encrypt, key, iv, []byte("some text"))
		if err != nil || len(sealed) != len("some text")+16 {
			return fmt.Errorf("%d bytes, %w", len(sealed), err)
		}
		text, err := t.gcm(t.DecryptInit, t.Decrypt, key, iv, sealed)
		if err != nil || string(text) != "some text" {
			return fmt.Errorf("%q, %w", text, err)
		}
	}
	return nil
}

// gcm does one operation. Its parameters are gone after it, as in most programs.
func (t *token) gcm(begin func(pkcs11.SessionHandle, []*pkcs11.Mechanism, pkcs11.ObjectHandle) error,
	do func(pkcs11.SessionHandle, []byte) ([]byte, error), key pkcs11.ObjectHandle, iv, input []byte,
) ([]byte, error) {
	params := pkcs11.NewGCMParams(iv, []byte("about it"), 128)
	defer params.Free()
	if err := begin(t.session, mechanism(pkcs11.CKM_AES_GCM, params), key); err != nil {
		return nil, err
	}
	if !bytes.Equal(params.IV(), iv) {
		return nil, fmt.Errorf("the initial vector became %x", params.IV())
	}
	return do(t.session, input)
}

func miekgX25519(t *token) error {
	public, private, err := t.GenerateKeyPair(t.session, mechanism(uint(ck.CKM_EC_MONTGOMERY_KEY_PAIR_GEN), nil),
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, []byte("\x06\x03\x2b\x65\x6e"))},
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true)})
	if err != nil {
		return err
	}
	point, err := t.value(public, pkcs11.CKA_EC_POINT)
	if err != nil {
		return err
	}
	ours, err := ecdh.X25519().NewPublicKey(point[len(point)-32:])
	if err != nil {
		return err
	}
	peer, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	derived, err := t.DeriveKey(t.session,
		mechanism(pkcs11.CKM_ECDH1_DERIVE, pkcs11.NewECDH1DeriveParams(pkcs11.CKD_NULL, nil, peer.PublicKey().Bytes())), private,
		[]*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
			pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET),
			pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32),
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
			pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true),
		})
	if err != nil {
		return err
	}
	want, err := peer.ECDH(ours)
	if err != nil {
		return err
	}
	if got, err := t.value(derived, pkcs11.CKA_VALUE); err != nil || !bytes.Equal(got, want) {
		return fmt.Errorf("secrets differ, %w", err)
	}
	return nil
}

func miekgRandom(t *token) error {
	one, err := t.GenerateRandom(t.session, 32)
	if err != nil {
		return err
	}
	two, err := t.GenerateRandom(t.session, 32)
	if err != nil || bytes.Equal(one, two) {
		return fmt.Errorf("twice the same, or %w", err)
	}
	return nil
}

func miekgWrongPIN(t *token) error {
	if err := t.Logout(t.session); err != nil {
		return err
	}
	if err := t.Login(t.session, pkcs11.CKU_USER, "000000"); err != pkcs11.Error(pkcs11.CKR_PIN_INCORRECT) {
		return fmt.Errorf("login: %w", err)
	}
	found, err := t.find(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY))
	if err != nil || len(found) != 0 {
		return fmt.Errorf("found %d secret keys, %w", len(found), err)
	}
	return nil
}
