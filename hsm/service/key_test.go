package service

import (
	"bytes"
	"sync"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
)

// storedKey makes the object of a completed key and the Key that the partition
// would use.
func storedKey(t *testing.T, class ck.ObjectClass, kt ck.KeyType, tmpl ck.Template) *Key {
	t.Helper()
	made, err := Complete(class, kt, tmpl)
	if err != nil {
		t.Fatal(err)
	}
	tmpl = append(ck.Template{ck.Ulong(ck.CKA_CLASS, class), ck.Ulong(ck.CKA_KEY_TYPE, kt)}, tmpl...)
	o, m, err := object.New(object.Request{Origin: object.Created, Template: tmpl, Made: made})
	if err != nil {
		t.Fatal(err)
	}
	return NewKey(o, m)
}

// TestKeyOfObject signs with keys that were taken apart into object and material.
func TestKeyOfObject(t *testing.T) {
	whole := rsaTemplate(t)
	rsaPub, _ := rsaPair()
	ecPub, ecPriv := ecPair(t, ck.CKM_EC_KEY_PAIR_GEN, named(t, "P-256"))
	edPub, edPriv := ecPair(t, ck.CKM_EC_KEY_PAIR_GEN, named(t, "Ed25519"))
	ec := func(k *Key) ck.Template {
		return ck.Template{ck.Bytes(ck.CKA_EC_PARAMS, k.attr(ck.CKA_EC_PARAMS)), ck.Bytes(ck.CKA_VALUE, k.Value())}
	}
	for _, c := range []struct {
		mech ck.MechanismType
		pub  *Key
		kt   ck.KeyType
		tmpl ck.Template
	}{
		{ck.CKM_SHA256_RSA_PKCS, rsaPub, ck.CKK_RSA, only(whole, ck.CKA_MODULUS, ck.CKA_PUBLIC_EXPONENT, ck.CKA_PRIVATE_EXPONENT)},
		{ck.CKM_ECDSA_SHA256, ecPub, ck.CKK_EC, ec(ecPriv)},
		{ck.CKM_EDDSA, edPub, ck.CKK_EC_EDWARDS, ec(edPriv)},
	} {
		k := storedKey(t, ck.CKO_PRIVATE_KEY, c.kt, c.tmpl)
		m := &ck.Mechanism{Type: c.mech}
		s, err := mechanism(t, c.mech).Sign(k, m)
		if err != nil {
			t.Fatal(c.mech, err)
		}
		sig := make([]byte, 512)
		n, err := s.OneShot(sig, []byte("data"))
		if err != nil {
			t.Fatal(c.mech, err)
		}
		if err := verifyWith(t, c.pub, m, []byte("data"), sig[:n]); err != nil {
			t.Error(c.mech, err)
		}
	}
}

// TestKeyParsedOnce has many threads come at once.
func TestKeyParsedOnce(t *testing.T) {
	k := newKeyFrom(rsaTemplate(t))
	var got [8]*rsaPrivateKey
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i], _ = parsedAs[*rsaPrivateKey](k) })
	}
	wg.Wait()
	for _, p := range got {
		if p == nil || p != got[0] {
			t.Fatal("parsed twice, or not at all")
		}
	}
	if _, err := parsedAs[*ecPrivateKey](k); err != ck.CKR_KEY_TYPE_INCONSISTENT {
		t.Error(err)
	}
}

func TestKeyUnparsable(t *testing.T) {
	for name, k := range map[string]*Key{
		"no class":   newKeyFrom(ck.Template{ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_RSA)}),
		"no type":    newKeyFrom(ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_PRIVATE_KEY)}),
		"no numbers": newKeyFrom(ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_PRIVATE_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_RSA)}),
		"another":    newKeyFrom(ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_PRIVATE_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_DSA)}),
	} {
		if _, err := parsedAs[*rsaPrivateKey](k); ck.Code(err) != ck.CKR_KEY_TYPE_INCONSISTENT {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKeyZero finds nothing left of what can be reached.
func TestKeyZero(t *testing.T) {
	whole := rsaTemplate(t)
	k := storedKey(t, ck.CKO_PRIVATE_KEY, ck.CKK_RSA, whole)
	parsed, err := parsedAs[*rsaPrivateKey](k)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parsed.bare(); err != nil {
		t.Fatal(err)
	}
	words := parsed.D.Bits()
	k.Zero()
	for _, w := range words {
		if w != 0 {
			t.Fatal("the private exponent is still there")
		}
	}
	if k.Material.Secret().Len() != 0 {
		t.Error("the material is still there")
	}
	_, priv := ecPair(t, ck.CKM_EC_KEY_PAIR_GEN, named(t, "P-256"))
	ec, err := parsedAs[*ecPrivateKey](priv)
	if err != nil {
		t.Fatal(err)
	}
	priv.Zero()
	if !bytes.Equal(ec.value, make([]byte, 32)) {
		t.Error("the scalar is still there")
	}
	unused := storedKey(t, ck.CKO_PRIVATE_KEY, ck.CKK_RSA, whole)
	unused.Zero()
	if _, err := parsedAs[*rsaPrivateKey](unused); err == nil {
		t.Error("a wiped key was parsed")
	}
}
