package partition

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
)

var rsa2048 = ck.Template{ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048))}

// bytesOf is a template for a key of n bytes.
func bytesOf(n uint64) ck.Template { return ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, n)} }

// kemPair makes a pair for nothing but encapsulation.
func (r *rig) kemPair(who api.Caller, gen *ck.Mechanism, public, private ck.Template) (pub, priv api.ObjectID) {
	r.t.Helper()
	pub, priv, err := r.GenerateKeyPair(who, gen, join(public, on(ck.CKA_ENCAPSULATE)), join(private, on(ck.CKA_DECAPSULATE)))
	if err != nil {
		r.t.Fatal(err)
	}
	return pub, priv
}

// TestEncapsulateByPolicy: which mechanisms and which pairs there are for encapsulation.
func TestEncapsulateByPolicy(t *testing.T) {
	pkcs := &ck.Mechanism{Type: ck.CKM_RSA_PKCS}
	for _, policy := range []string{object.StrictPolicy, object.StandardPolicy} {
		r := newRigWith(t, Options{Policy: policy})
		user := r.login(ck.CKU_USER, userPIN)
		unsound := ck.CKR_OK
		if policy == object.StrictPolicy {
			unsound = ck.CKR_MECHANISM_INVALID
		}
		rsaPub, rsaPriv := r.kemPair(user, rsaGen, rsa2048, nil)
		ecPub, ecPriv := r.kemPair(user, ecGen, ck.Template{p256}, nil)
		for _, c := range []struct {
			m         *ck.Mechanism
			pub, priv api.ObjectID
			want      ck.RV
		}{
			{oaep, rsaPub, rsaPriv, ck.CKR_OK},
			{ecKEM, ecPub, ecPriv, ck.CKR_OK},
			{pkcs, rsaPub, rsaPriv, unsound},
			{rawRSA, rsaPub, rsaPriv, unsound},
			{ecKEM, rsaPub, rsaPriv, ck.CKR_KEY_TYPE_INCONSISTENT},
			{mlkemKEM, ecPub, ecPriv, ck.CKR_KEY_TYPE_INCONSISTENT},
		} {
			out := make([]byte, 256)
			tmpl := join(aesKey, bytesOf(16), on(ck.CKA_ENCRYPT))
			n, one, err := r.EncapsulateKey(user, c.m, c.pub, tmpl, out)
			expect(t, policy+" encapsulate "+c.m.Type.String(), err, c.want)
			want := c.want
			if want == ck.CKR_KEY_TYPE_INCONSISTENT {
				want = ck.CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT
			}
			two, err := r.DecapsulateKey(user, c.m, c.priv, tmpl, out[:max(n, 65)])
			expect(t, policy+" decapsulate "+c.m.Type.String(), err, want)
			if err != nil {
				continue
			}
			a, errA := encrypt(r.Partition, user, one)
			b, errB := encrypt(r.Partition, user, two)
			if errA != nil || errB != nil || string(a) != string(b) {
				t.Errorf("%v: the two sides differ: %v, %v", c.m.Type, errA, errB)
			}
		}
	}
}

// TestDecapsulateLengths: the new key's length is in the template's hands as far as the
// mechanism has one to offer.
func TestDecapsulateLengths(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	rsaPub, rsaPriv := r.kemPair(user, rsaGen, rsa2048, nil)
	ecPub, ecPriv := r.kemPair(user, ecGen, ck.Template{p256}, nil)
	for _, c := range []struct {
		name      string
		m         *ck.Mechanism
		pub, priv api.ObjectID
		tmpl      ck.Template
		give, get ck.RV // encapsulating so; decapsulating so what has 20 bytes or more
	}{
		{"OAEP without a length", oaep, rsaPub, rsaPriv, genericKey, ck.CKR_TEMPLATE_INCOMPLETE, ck.CKR_OK},
		{"OAEP", oaep, rsaPub, rsaPriv, join(genericKey, bytesOf(20)), ck.CKR_OK, ck.CKR_OK},
		{"OAEP, shorter", oaep, rsaPub, rsaPriv, join(genericKey, bytesOf(19)), ck.CKR_OK, ck.CKR_WRAPPED_KEY_INVALID},
		{"OAEP, as AES", oaep, rsaPub, rsaPriv, aesKey, ck.CKR_TEMPLATE_INCOMPLETE, ck.CKR_WRAPPED_KEY_INVALID},
		{"OAEP, much", oaep, rsaPub, rsaPriv, join(genericKey, bytesOf(200)), ck.CKR_KEY_SIZE_RANGE, ck.CKR_WRAPPED_KEY_INVALID},
		{"OAEP, little", oaep, rsaPub, rsaPriv, join(genericKey, bytesOf(15)), ck.CKR_KEY_SIZE_RANGE, ck.CKR_WRAPPED_KEY_INVALID},
		{"ECDH without a length", ecKEM, ecPub, ecPriv, genericKey, ck.CKR_OK, ck.CKR_OK},
		{"ECDH, cut", ecKEM, ecPub, ecPriv, join(aesKey, bytesOf(16)), ck.CKR_OK, ck.CKR_OK},
		{"ECDH, much", ecKEM, ecPub, ecPriv, join(genericKey, bytesOf(33)), ck.CKR_KEY_SIZE_RANGE, ck.CKR_TEMPLATE_INCONSISTENT},
		{"ECDH, little", ecKEM, ecPub, ecPriv, join(genericKey, bytesOf(15)), ck.CKR_KEY_SIZE_RANGE, ck.CKR_TEMPLATE_INCONSISTENT},
	} {
		out := make([]byte, 256)
		n, _, err := r.EncapsulateKey(user, c.m, c.pub, join(genericKey, bytesOf(20)), out)
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.DecapsulateKey(user, c.m, c.priv, c.tmpl, out[:n])
		expect(t, c.name+", decapsulating", err, c.get)
		_, _, err = r.EncapsulateKey(user, c.m, c.pub, c.tmpl, out)
		expect(t, c.name+", encapsulating", err, c.give)
	}
}

// TestEncapsulatingPairs: which pairs are made, and what is read of what they make.
func TestEncapsulatingPairs(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	for _, c := range []struct {
		name            string
		gen             *ck.Mechanism
		public, private ck.Template
		want            ck.RV
	}{
		{"for encapsulation", ecGen, on(ck.CKA_ENCAPSULATE), on(ck.CKA_DECAPSULATE), ck.CKR_OK},
		{"that signs", ecGen, on(ck.CKA_ENCAPSULATE), on(ck.CKA_DECAPSULATE, ck.CKA_SIGN), ck.CKR_TEMPLATE_INCONSISTENT},
		{"that derives", ecGen, on(ck.CKA_ENCAPSULATE), on(ck.CKA_DERIVE), ck.CKR_TEMPLATE_INCONSISTENT},
		{"that signs by default", ecGen, on(ck.CKA_ENCAPSULATE), nil, ck.CKR_TEMPLATE_INCONSISTENT},
		{"of others, that derives", ecGen, nil, on(ck.CKA_DECAPSULATE, ck.CKA_DERIVE), ck.CKR_TEMPLATE_INCONSISTENT},
		{"that leaves", ecGen, on(ck.CKA_ENCAPSULATE), on(ck.CKA_DECAPSULATE, ck.CKA_EXTRACTABLE), ck.CKR_TEMPLATE_INCONSISTENT},
		{"that can be read", ecGen, on(ck.CKA_ENCAPSULATE), join(on(ck.CKA_DECAPSULATE, ck.CKA_DERIVE), readable), ck.CKR_OK},
		{"of ML-KEM, that leaves", mlkemGen, nil, on(ck.CKA_EXTRACTABLE), ck.CKR_OK},
	} {
		public := ck.Template{p256}
		if c.gen == mlkemGen {
			public = mlkem768
		}
		_, _, err := r.GenerateKeyPair(user, c.gen, join(public, c.public), c.private)
		expect(t, c.name, err, c.want)
	}

	pub, priv := r.kemPair(user, ecGen, ck.Template{p256}, nil)
	out := make([]byte, 65)
	if _, _, err := r.EncapsulateKey(user, ecKEM, pub, genericKey, out); err != nil {
		t.Fatal(err)
	}
	_, err := r.DecapsulateKey(user, ecKEM, priv, join(genericKey, readable), out)
	expect(t, "readable", err, ck.CKR_TEMPLATE_INCONSISTENT)
	_, priv = r.kemPair(user, ecGen, ck.Template{p256}, givesKey)
	_, err = r.DecapsulateKey(user, ecKEM, priv, join(genericKey, readable), out)
	expect(t, "readable, by the template", err, ck.CKR_OK)
}
