package partition

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
)

var (
	keyWrap = &ck.Mechanism{Type: ck.CKM_AES_KEY_WRAP_KWP}
	rsaGen  = &ck.Mechanism{Type: ck.CKM_RSA_PKCS_KEY_PAIR_GEN}
	ecGen   = &ck.Mechanism{Type: ck.CKM_EC_KEY_PAIR_GEN}
	p256    = ck.Bytes(ck.CKA_EC_PARAMS, []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7})
)

func (r *rig) secretKey(who api.Caller, extra ...ck.Attribute) api.ObjectID {
	r.t.Helper()
	tmpl := append(ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(32))}, extra...)
	id, err := r.GenerateKey(who, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, tmpl)
	if err != nil {
		r.t.Fatalf("GenerateKey: %v", err)
	}
	return id
}

func (r *rig) wrap(who api.Caller, wrapping, key api.ObjectID) ([]byte, error) {
	n, err := r.WrapKey(who, keyWrap, wrapping, key, nil)
	if err != nil {
		return nil, err
	}
	out := make([]byte, n)
	n, err = r.WrapKey(who, keyWrap, wrapping, key, out)
	return out[:n], err
}

func TestWrapAndUnwrapSecretKey(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	wrapping := r.secretKey(user, ck.Bool(ck.CKA_WRAP, true), ck.Bool(ck.CKA_UNWRAP, true))
	key := r.secretKey(user, ck.Bool(ck.CKA_EXTRACTABLE, true), ck.Bool(ck.CKA_ENCRYPT, true))
	wrapped, err := r.wrap(user, wrapping, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []bool{false, true} {
		again, err := r.UnwrapKey(user, keyWrap, wrapping, wrapped, ck.Template{
			ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES),
			ck.Bool(ck.CKA_TOKEN, token), ck.Bool(ck.CKA_ENCRYPT, true),
		})
		if err != nil {
			t.Fatal(err)
		}
		want, _ := encrypt(r.Partition, user, key)
		if got, err := encrypt(r.Partition, user, again); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the unwrapped key (token %t) is another one: %v", token, err)
		}
	}
	wrapped[3] ^= 1
	_, err = r.UnwrapKey(user, keyWrap, wrapping, wrapped, ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES)})
	expect(t, "a flipped bit", err, ck.CKR_WRAPPED_KEY_INVALID)
}

func TestWrapAndUnwrapPrivateKey(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	wrapping := r.secretKey(user, ck.Bool(ck.CKA_WRAP, true), ck.Bool(ck.CKA_UNWRAP, true))
	for name, gen := range map[string]struct {
		m      *ck.Mechanism
		public ck.Template
		sign   ck.MechanismType
	}{
		"RSA": {rsaGen, ck.Template{ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048))}, ck.CKM_SHA256_RSA_PKCS},
		"EC":  {ecGen, ck.Template{p256}, ck.CKM_ECDSA_SHA256},
	} {
		t.Run(name, func(t *testing.T) {
			pub, priv, err := r.GenerateKeyPair(user, gen.m, gen.public, ck.Template{ck.Bool(ck.CKA_EXTRACTABLE, true)})
			if err != nil {
				t.Fatal(err)
			}
			wrapped, err := r.wrap(user, wrapping, priv)
			if err != nil {
				t.Fatal(err)
			}
			again, err := r.UnwrapKey(user, keyWrap, wrapping, wrapped, ck.Template{
				ck.Ulong(ck.CKA_CLASS, ck.CKO_PRIVATE_KEY), ck.Bool(ck.CKA_TOKEN, true), ck.Bool(ck.CKA_SIGN, true)})
			if err != nil {
				t.Fatal(err)
			}
			signAndVerify(t, r, user, gen.sign, again, pub)
		})
	}
}

func signAndVerify(t *testing.T, r *rig, who api.Caller, m ck.MechanismType, priv, pub api.ObjectID) {
	t.Helper()
	op, err := r.Sign(who, &ck.Mechanism{Type: m}, priv)
	if err != nil {
		t.Fatal(err)
	}
	defer op.Close()
	signature := make([]byte, 512)
	n, err := op.OneShot(signature, []byte("data"))
	if err != nil {
		t.Fatal(err)
	}
	check, err := r.Verify(who, &ck.Mechanism{Type: m}, pub)
	if err != nil {
		t.Fatal(err)
	}
	defer check.Close()
	if err := check.OneShot([]byte("data"), signature[:n]); err != nil {
		t.Errorf("verify: %v", err)
	}
}

// TestWrapRules: what may not leave does not.
func TestWrapRules(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	wraps := []ck.Attribute{ck.Bool(ck.CKA_WRAP, true)}
	wrapping := r.secretKey(user, wraps...)
	onlyAES := r.secretKey(user, append(wraps, ck.Attribute{Type: ck.CKA_WRAP_TEMPLATE,
		Nested: []ck.Attribute{ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET)}})...)
	allowed := ck.Attribute{Type: ck.CKA_ALLOWED_MECHANISMS, Value: ck.AppendUlong(nil, uint64(ck.CKM_AES_CBC))}
	plain := r.secretKey(user, ck.Bool(ck.CKA_EXTRACTABLE, true))
	for _, c := range []struct {
		name          string
		wrapping, key api.ObjectID
		want          ck.RV
	}{
		{"not extractable", wrapping, r.secretKey(user), ck.CKR_KEY_UNEXTRACTABLE},
		{"only with a trusted key", wrapping, r.secretKey(user, ck.Bool(ck.CKA_EXTRACTABLE, true), ck.Bool(ck.CKA_WRAP_WITH_TRUSTED, true)), ck.CKR_KEY_NOT_WRAPPABLE},
		{"not in the wrap template", onlyAES, plain, ck.CKR_KEY_HANDLE_INVALID},
		{"key that may not wrap", r.secretKey(user, ck.Bool(ck.CKA_WRAP, false)), plain, ck.CKR_KEY_FUNCTION_NOT_PERMITTED},
		{"mechanism that is not allowed", r.secretKey(user, append(wraps, allowed)...), plain, ck.CKR_MECHANISM_INVALID},
		{"no such wrapping key", api.ObjectID{1}, plain, ck.CKR_WRAPPING_KEY_HANDLE_INVALID},
		{"no such key", wrapping, api.ObjectID{1}, ck.CKR_KEY_HANDLE_INVALID},
	} {
		_, err := r.wrap(user, c.wrapping, c.key)
		expect(t, c.name, err, c.want)
	}
}

func TestDerive(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	derives := ck.Template{ck.Bool(ck.CKA_DERIVE, true)}
	aPub, aPriv, err := r.GenerateKeyPair(user, ecGen, ck.Template{p256}, derives)
	if err != nil {
		t.Fatal(err)
	}
	bPub, bPriv, err := r.GenerateKeyPair(user, ecGen, ck.Template{p256}, derives)
	if err != nil {
		t.Fatal(err)
	}
	var values [2][]byte
	for i, side := range []struct{ priv, peer api.ObjectID }{{aPriv, bPub}, {bPriv, aPub}} {
		point := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_EC_POINT}}}
		if err := r.Attributes(user, side.peer, point); err != nil {
			t.Fatal(err)
		}
		m := &ck.Mechanism{Type: ck.CKM_ECDH1_DERIVE, Param: &ck.ECDH1Params{KDF: ck.CKD_SHA256_KDF, PublicData: point[0].Value}}
		key, err := r.DeriveKey(user, m, side.priv, ck.Template{
			ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.Ulong(ck.CKA_VALUE_LEN, uint64(32)), ck.Bool(ck.CKA_ENCRYPT, true)})
		if err != nil {
			t.Fatal(err)
		}
		if values[i], err = encrypt(r.Partition, user, key); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(values[0], values[1]) {
		t.Error("the two sides have different keys")
	}
}

func TestUseRules(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	data, err := r.CreateObject(user, ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA), ck.String(ck.CKA_VALUE, "v")})
	if err != nil {
		t.Fatal(err)
	}
	key := r.secretKey(user, ck.Bool(ck.CKA_ENCRYPT, false), ck.Bool(ck.CKA_DECRYPT, true))
	for _, c := range []struct {
		name string
		m    ck.MechanismType
		key  api.ObjectID
		want ck.RV
	}{
		{"unknown mechanism", ck.CKM_VENDOR_DEFINED, key, ck.CKR_MECHANISM_INVALID},
		{"mechanism that does not encrypt", ck.CKM_SHA256, key, ck.CKR_MECHANISM_INVALID},
		{"another key type", ck.CKM_RSA_PKCS, key, ck.CKR_KEY_TYPE_INCONSISTENT},
		{"use that is not allowed", ck.CKM_AES_ECB, key, ck.CKR_KEY_FUNCTION_NOT_PERMITTED},
		{"no key at all", ck.CKM_AES_ECB, data, ck.CKR_OBJECT_HANDLE_INVALID},
		{"no object", ck.CKM_AES_ECB, api.ObjectID{1}, ck.CKR_OBJECT_HANDLE_INVALID},
	} {
		_, err := r.Encrypt(user, &ck.Mechanism{Type: c.m}, c.key)
		expect(t, c.name, err, c.want)
	}
	_, err = r.Encrypt(api.Caller{}, &ck.Mechanism{Type: ck.CKM_AES_ECB}, key)
	expect(t, "the public", err, ck.CKR_OBJECT_HANDLE_INVALID)
}

func TestAlwaysAuthenticate(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	_, priv, err := r.GenerateKeyPair(user, ecGen, ck.Template{p256}, ck.Template{ck.Bool(ck.CKA_ALWAYS_AUTHENTICATE, true)})
	if err != nil {
		t.Fatal(err)
	}
	op, err := r.Sign(user, &ck.Mechanism{Type: ck.CKM_ECDSA_SHA256}, priv)
	if err != nil {
		t.Fatal(err)
	}
	defer op.Close()
	out := make([]byte, 64)
	_, err = op.OneShot(out, []byte("data"))
	expect(t, "without the PIN", err, ck.CKR_USER_NOT_LOGGED_IN)
	gate := op.(api.ContextLogin)
	expect(t, "wrong PIN", gate.Authenticate([]byte("wrong")), ck.CKR_PIN_INCORRECT)
	_, err = op.OneShot(out, []byte("data"))
	expect(t, "after a wrong PIN", err, ck.CKR_USER_NOT_LOGGED_IN)
	if err := gate.Authenticate(userPIN); err != nil {
		t.Fatal(err)
	}
	if _, err := op.OneShot(out, []byte("data")); err != nil {
		t.Errorf("after the PIN: %v", err)
	}
}

func TestSecretsAreNotRead(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	for _, c := range []struct {
		name string
		key  api.ObjectID
		want ck.RV
	}{
		{"sensitive", r.secretKey(user, ck.Bool(ck.CKA_SENSITIVE, true), ck.Bool(ck.CKA_EXTRACTABLE, true)), ck.CKR_ATTRIBUTE_SENSITIVE},
		{"not extractable", r.secretKey(user, ck.Bool(ck.CKA_SENSITIVE, false), ck.Bool(ck.CKA_EXTRACTABLE, false)), ck.CKR_ATTRIBUTE_SENSITIVE},
		{"open", r.secretKey(user, ck.Bool(ck.CKA_SENSITIVE, false), ck.Bool(ck.CKA_EXTRACTABLE, true)), ck.CKR_OK},
	} {
		value := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_VALUE}}}
		if err := r.Attributes(user, c.key, value); err != nil {
			t.Fatal(err)
		}
		if value[0].RV != c.want || (len(value[0].Value) == 32) != (c.want == ck.CKR_OK) {
			t.Errorf("%s: %v and %d bytes, want %v", c.name, value[0].RV, len(value[0].Value), c.want)
		}
		digest, err := r.Digest(&ck.Mechanism{Type: ck.CKM_SHA256})
		if err != nil {
			t.Fatal(err)
		}
		err = r.DigestKey(user, digest, c.key)
		if (err == nil) != (c.want == ck.CKR_OK) {
			t.Errorf("%s: DigestKey: %v", c.name, err)
		}
		digest.Close()
	}
}

func TestCopyKeepsSecret(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	for _, fromToken := range []bool{false, true} {
		for _, toToken := range []bool{false, true} {
			id := r.generate(user, fromToken, "original")
			dup, err := r.CopyObject(user, id, ck.Template{ck.Bool(ck.CKA_TOKEN, toToken), ck.String(ck.CKA_LABEL, "copy")})
			if err != nil {
				t.Fatal(err)
			}
			want, _ := encrypt(r.Partition, user, id)
			if err := r.DestroyObject(user, id); err != nil {
				t.Fatal(err)
			}
			if got, err := encrypt(r.Partition, user, dup); err != nil || !bytes.Equal(got, want) {
				t.Errorf("copy from token %t to token %t: %v", fromToken, toToken, err)
			}
		}
	}
}

// TestUnwrapWithoutFill: AES-CBC wraps whole blocks, so CKA_VALUE_LEN says where
// the key ends; it cannot be used to cut a key short.
func TestUnwrapWithoutFill(t *testing.T) {
	r := newRigWith(t, Options{Policy: object.StandardPolicy})
	user := r.login(ck.CKU_USER, userPIN)
	cbc := &ck.Mechanism{Type: ck.CKM_AES_CBC, Param: &ck.BytesParam{Bytes: make([]byte, 16)}}
	wrapping := r.secretKey(user, ck.Bool(ck.CKA_WRAP, true), ck.Bool(ck.CKA_UNWRAP, true))
	key, err := r.CreateObject(user, ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET),
		ck.Bytes(ck.CKA_VALUE, bytes.Repeat([]byte{5}, 20)), ck.Bool(ck.CKA_EXTRACTABLE, true)})
	if err != nil {
		t.Fatal(err)
	}
	wrapped := make([]byte, 64)
	n, err := r.WrapKey(user, cbc, wrapping, key, wrapped)
	if err != nil || n != 32 {
		t.Fatalf("WrapKey: %d bytes, %v", n, err)
	}
	for _, c := range []struct {
		length uint64
		want   ck.RV
	}{{20, ck.CKR_OK}, {32, ck.CKR_OK}, {19, ck.CKR_WRAPPED_KEY_LEN_RANGE}, {4, ck.CKR_WRAPPED_KEY_LEN_RANGE}, {33, ck.CKR_WRAPPED_KEY_LEN_RANGE}} {
		id, err := r.UnwrapKey(user, cbc, wrapping, wrapped[:n], ck.Template{
			ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET),
			ck.Ulong(ck.CKA_VALUE_LEN, c.length)})
		expect(t, "UnwrapKey", err, c.want)
		if err != nil {
			continue
		}
		got := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_VALUE_LEN}}}
		if err := r.Attributes(user, id, got); err != nil {
			t.Fatal(err)
		}
		if v, _ := ck.ParseUlong(got[0].Value); v != c.length {
			t.Errorf("CKA_VALUE_LEN is %d, want %d", v, c.length)
		}
	}
}

// TestOfficerMakesKeys: what the security officer makes is public unless he says
// otherwise, and may be trusted.
func TestOfficerMakesKeys(t *testing.T) {
	r := newRig(t)
	so := r.login(ck.CKU_SO, soPIN)
	_, err := r.GenerateKey(so, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, aesTemplate(true, "k"))
	expect(t, "GenerateKey", err, ck.CKR_OK)
	pub, priv, err := r.GenerateKeyPair(so, ecGen, ck.Template{p256, ck.Bool(ck.CKA_TRUSTED, true)}, nil)
	expect(t, "GenerateKeyPair", err, ck.CKR_OK)
	if !r.Exists(api.Caller{}, pub) || !r.Exists(api.Caller{}, priv) {
		t.Error("the pair is private, and nobody could see half of it")
	}
	_, _, err = r.GenerateKeyPair(so, ecGen, ck.Template{p256}, ck.Template{ck.Bool(ck.CKA_PRIVATE, true)})
	expect(t, "a private key", err, ck.CKR_USER_NOT_LOGGED_IN)
}
