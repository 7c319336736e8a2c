package partition

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/keywrap"
)

// move is one kind of call, with everything that the attacker has.
type move func(*attacker)

var moves = []move{generate, import_, agree, trust, read, wrap, unwrap, encryptData, decryptWrapped, derive, deriveParts,
	copyAndChange, openOffline, exclusiveOr, oracle, splitRSAAES, generateKEM, encapsulate, outsiders, decapsulate, unwrapKEM, agreeOnCiphertext, multiply,
	generateHKDF, expand, salt, receive}

var (
	iv      = make([]byte, 16)
	ecb     = &ck.Mechanism{Type: ck.CKM_AES_ECB}
	cbc     = &ck.Mechanism{Type: ck.CKM_AES_CBC, Param: &ck.BytesParam{Bytes: iv}}
	gcmSame = &ck.Mechanism{Type: ck.CKM_AES_GCM, Param: &ck.GCMParams{IV: iv[:12], TagBits: 128}}
	oaep    = &ck.Mechanism{Type: ck.CKM_RSA_PKCS_OAEP, Param: &ck.RSAOAEPParams{Hash: ck.CKM_SHA256, MGF: ck.CKG_MGF1_SHA256}}

	rsaAES = &ck.Mechanism{Type: ck.CKM_RSA_AES_KEY_WRAP, Param: &ck.RSAAESWrapParams{AESBits: 128, OAEP: *oaep.Param.(*ck.RSAOAEPParams)}}

	data       = bytes.Repeat([]byte{0x5a}, 16)
	fromData   = &ck.Mechanism{Type: ck.CKM_AES_ECB_ENCRYPT_DATA, Param: &ck.BytesParam{Bytes: data}}
	secretMAC  = &ck.Mechanism{Type: ck.CKM_SHA256_HMAC}
	aesKey     = ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES)}
	genericKey = ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET)}
	readable   = ck.Template{ck.Bool(ck.CKA_SENSITIVE, false), ck.Bool(ck.CKA_EXTRACTABLE, true)}
)

// on and off are templates of flags.
func on(types ...ck.AttributeType) (tmpl ck.Template) {
	for _, t := range types {
		tmpl = append(tmpl, ck.Bool(t, true))
	}
	return tmpl
}

func off(types ...ck.AttributeType) (tmpl ck.Template) {
	for _, t := range types {
		tmpl = append(tmpl, ck.Bool(t, false))
	}
	return tmpl
}

func join(parts ...ck.Template) (tmpl ck.Template) {
	for _, p := range parts {
		tmpl = append(tmpl, p...)
	}
	return tmpl
}

// giving is the template of a key whose CKA_UNWRAP_TEMPLATE says a.
func giving(a ...ck.Attribute) ck.Template {
	return ck.Template{{Type: ck.CKA_UNWRAP_TEMPLATE, Nested: a}}
}

// lifting is the template of a key whose CKA_DERIVE_TEMPLATE says a.
func lifting(a ...ck.Attribute) ck.Template {
	return ck.Template{{Type: ck.CKA_DERIVE_TEMPLATE, Nested: a}}
}

func read(a *attacker) {
	for _, k := range a.keys {
		if k.o.Class() != ck.CKO_SECRET_KEY || !a.first("read %x", k.id) {
			continue
		}
		value := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_VALUE}}}
		if err := a.Attributes(a.user, k.id, value); err == nil && value[0].RV == ck.CKR_OK {
			a.knows(value[0].Value, "reading "+k.how)
		}
	}
}

func wrap(a *attacker) {
	for _, w := range a.that(ck.CKA_WRAP) {
		for _, k := range a.keys {
			for _, m := range []*ck.Mechanism{keyWrap, cbc, gcmSame, oaep, rsaAES} {
				if !k.o.Bool(ck.CKA_EXTRACTABLE) || !a.first("wrap %x %x %v", w.id, k.id, m.Type) {
					continue
				}
				out := make([]byte, 512)
				if n, err := a.WrapKey(a.user, m, w.id, k.id, out); err == nil {
					a.leaves(&blob{out[:n], m, w, k})
				}
			}
		}
	}
}

func unwrap(a *attacker) {
	for _, u := range a.that(ck.CKA_UNWRAP) {
		for _, b := range a.blobs {
			if u.value != b.under.value || !a.first("unwrap %x %x", u.id, b.bytes) {
				continue
			}
			for _, tmpl := range []ck.Template{
				on(ck.CKA_ENCRYPT, ck.CKA_DECRYPT), on(ck.CKA_WRAP, ck.CKA_UNWRAP), on(ck.CKA_DERIVE),
				on(ck.CKA_ENCRYPT, ck.CKA_EXTRACTABLE), readable, join(on(ck.CKA_DERIVE), lifting(readable...)),
			} {
				id, err := a.UnwrapKey(a.user, b.mechanism, u.id, b.bytes, join(aesKey, tmpl))
				a.takes(id, err, b.key.owed, "what "+u.how+" unwraps of "+b.key.how)
			}
		}
	}
}

// run does a cipher at once.
func run(op api.Cipher, err error, src []byte) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer op.Close()
	out := make([]byte, 512)
	n, err := op.OneShot(out, src)
	return out[:n], err
}

// encryptData encrypts what others derive from.
func encryptData(a *attacker) {
	for _, k := range a.that(ck.CKA_ENCRYPT) {
		if !a.first("encrypt %x", k.id) {
			continue
		}
		op, err := a.Encrypt(a.user, ecb, k.id)
		if out, err := run(op, err, data); err == nil {
			a.knows(out, "encrypting with "+k.how)
		}
	}
}

func decryptWrapped(a *attacker) {
	for _, k := range a.that(ck.CKA_DECRYPT) {
		for _, b := range a.blobs {
			if k.value != b.under.value || !a.first("decrypt %x %x", k.id, b.bytes) {
				continue
			}
			op, err := a.Decrypt(a.user, b.mechanism, k.id)
			if out, err := run(op, err, b.bytes); err == nil {
				a.knows(out, "decrypting with "+k.how)
			}
		}
	}
}

func derive(a *attacker) {
	for _, k := range a.that(ck.CKA_DERIVE) {
		if !a.first("derive %x", k.id) {
			continue
		}
		for _, tmpl := range []ck.Template{
			on(ck.CKA_ENCRYPT), on(ck.CKA_WRAP, ck.CKA_UNWRAP), readable, on(ck.CKA_ENCRYPT, ck.CKA_EXTRACTABLE),
			on(ck.CKA_DERIVE), join(on(ck.CKA_DERIVE), lifting(on(ck.CKA_DERIVE)...)), join(on(ck.CKA_DERIVE), lifting(readable...)),
		} {
			id, err := a.DeriveKey(a.user, fromData, k.id, join(aesKey, ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(16))}, tmpl))
			a.takes(id, err, k.owed, "what is derived from "+k.how)
		}
	}
}

// deriveParts derives one byte, then two, and so on, and guesses each last one by a
// MAC under the key so far.
func deriveParts(a *attacker) {
	for _, k := range a.that(ck.CKA_DERIVE) {
		if !a.first("parts %x", k.id) {
			continue
		}
		var value []byte
		for n := uint64(1); n <= 16; n++ {
			id, err := a.DeriveKey(a.user, fromData, k.id, join(genericKey, on(ck.CKA_SIGN), ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, n)}))
			if err != nil {
				break
			}
			next, ok := a.guess(id, value)
			if !ok {
				break
			}
			value = append(value, next)
		}
		if len(value) == 16 {
			a.knows(value, "guessing byte after byte of what is derived from "+k.how)
		}
	}
}

// guess finds the last byte of a generic secret of which the start is known.
func (a *attacker) guess(id api.ObjectID, start []byte) (byte, bool) {
	op, err := a.Sign(a.user, secretMAC, id)
	if err != nil {
		return 0, false
	}
	defer op.Close()
	mac := make([]byte, 32)
	if _, err := op.OneShot(mac, data); err != nil {
		return 0, false
	}
	for last := range 256 {
		h := hmac.New(sha256.New, append(bytes.Clone(start), byte(last)))
		h.Write(data)
		if hmac.Equal(h.Sum(nil), mac) {
			return byte(last), true
		}
	}
	return 0, false
}

// copyAndChange changes copies, in C_CopyObject and after it.
func copyAndChange(a *attacker) {
	for _, k := range a.keys {
		if !a.first("copy %x", k.id) {
			continue
		}
		for _, tmpl := range []ck.Template{
			join(off(ck.CKA_WRAP, ck.CKA_UNWRAP), on(ck.CKA_DECRYPT)), join(off(ck.CKA_DERIVE), on(ck.CKA_ENCRYPT)), on(ck.CKA_DECRYPT),
			on(ck.CKA_DERIVE), on(ck.CKA_WRAP), on(ck.CKA_EXTRACTABLE), off(ck.CKA_SENSITIVE), off(ck.CKA_WRAP_WITH_TRUSTED), on(ck.CKA_TRUSTED),
		} {
			id, err := a.CopyObject(a.user, k.id, tmpl)
			a.takes(id, err, k.owed, "a copy of "+k.how)
			if id, err = a.CopyObject(a.user, k.id, nil); err == nil {
				err = a.SetAttributes(a.user, id, tmpl)
			}
			a.takes(id, err, k.owed, "a changed copy of "+k.how)
		}
	}
}

// openOffline opens what is wrapped under keys that the attacker knows.
func openOffline(a *attacker) {
	for _, b := range a.blobs {
		if how, ok := a.known[b.under.value]; ok {
			a.knows([]byte(b.key.value), "unwrapping it under "+b.under.how+", known by "+how)
		}
	}
}

// exclusiveOr makes use of a nonce that came twice.
func exclusiveOr(a *attacker) {
	for _, b := range a.blobs {
		for _, c := range a.blobs {
			_, known := a.known[c.key.value]
			if known && b.mechanism == gcmSame && c.mechanism == gcmSame && b.under.value == c.under.value && len(b.bytes) == len(c.bytes) {
				n := len(c.key.value)
				a.knows(xor([]byte(c.key.value), b.bytes[:n], c.bytes[:n]), "the same nonce under "+b.under.how)
			}
		}
	}
}

// splitRSAAES unwraps the AES key within what CKM_RSA_AES_KEY_WRAP makes, and decrypts
// the rest with it.
func splitRSAAES(a *attacker) {
	for _, u := range a.that(ck.CKA_UNWRAP) {
		for _, b := range a.blobs {
			if b.mechanism != rsaAES || u.value != b.under.value || !a.first("split %x %x", u.id, b.bytes) {
				continue
			}
			id, err := a.UnwrapKey(a.user, oaep, u.id, b.bytes[:256], join(aesKey, on(ck.CKA_DECRYPT)))
			if err != nil {
				continue
			}
			op, err := a.Decrypt(a.user, keyWrap, id)
			if out, err := run(op, err, b.bytes[256:]); err == nil {
				a.knows(out, "splitting what is wrapped under "+b.under.how)
			}
		}
	}
}

// oracle decrypts blocks by what C_UnwrapKey says of their padding.
func oracle(a *attacker) {
	for _, u := range a.that(ck.CKA_UNWRAP) {
		for _, b := range a.blobs {
			if b.mechanism != keyWrap || u.value != b.under.value || !b.key.owed || !a.first("oracle %x %x", u.id, b.bytes) {
				continue
			}
			o := &unwrapOracle{a: a, key: u.id}
			if plain, err := keywrap.UnwrapPad(o, nil, b.bytes); err == nil && !o.silent {
				a.knows(plain, "asking for the padding under "+u.how)
			}
		}
	}
}

// unwrapOracle is the block cipher of an unwrapping key, as far as C_UnwrapKey with
// CKM_AES_CBC lets it be seen: whether the bytes behind CKA_VALUE_LEN are zero.
type unwrapOracle struct {
	a      *attacker
	key    api.ObjectID
	silent bool
}

func (o *unwrapOracle) BlockSize() int        { return 16 }
func (o *unwrapOracle) Encrypt(dst, _ []byte) { panic("is not asked") }
func (o *unwrapOracle) Decrypt(dst, src []byte) {
	iv := make([]byte, 16)
	for n := 15; n >= 1 && !o.silent; n-- {
		o.silent = true
		for guess := range 256 {
			iv[n] = byte(guess)
			if id, err := o.ask(src, iv, n); err == nil {
				o.silent = false
				if n == 1 {
					iv[0], _ = o.a.guess(id, nil)
				}
				break
			} else if ck.Code(err) == ck.CKR_MECHANISM_INVALID {
				return
			}
		}
	}
	copy(dst, iv)
}

func (o *unwrapOracle) ask(block, iv []byte, n int) (api.ObjectID, error) {
	m := &ck.Mechanism{Type: ck.CKM_AES_CBC, Param: &ck.BytesParam{Bytes: iv}}
	return o.a.UnwrapKey(o.a.user, m, o.key, block, join(genericKey, on(ck.CKA_SIGN), ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(n))}))
}
