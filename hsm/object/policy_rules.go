package object

import (
	"bytes"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// The papers that the rules answer:
//
//   - Clulow: "On the Security of PKCS #11" (CHES 2003).
//   - DKS: Delaune, Kremer, Steel, "Formal Analysis of PKCS#11" (CSF 2008).
//   - Tookan: Bortolozzo, Centenaro, Focardi, Steel, "Attacking and Fixing PKCS#11
//     Security Tokens" (CCS 2010).
//   - Bardou et al.: "Efficient Padding Oracle Attacks on Cryptographic Hardware"
//     (Crypto 2012).
//   - Joux: "Authentication Failures in NIST version of GCM" (2006).

// strictRules is the policy "strict". hsm/partition runs attacks against it, and
// against it less each of its rules.
var strictRules = []Rule{
	{Name: "wrapping-key-is-ours", Source: "Clulow; DKS", wrap: wrappingKeyIsOurs},
	{Name: "wrapping-key-stays", Source: "DKS", wrap: wrappingKeyStays},
	{Name: "wrapping-keeps-secret", Source: "Tookan", wrap: wrappingKeepsSecret},
	{Name: "wrapping-by-sound-mechanism", Source: "Clulow; Joux", wrap: wrappingIsSound},
	{Name: "wrapping-is-all", Source: "Clulow", made: wrappingOrElse, key: wrappingIsAll},
	{Name: "wrapping-pair", Source: "Clulow; Bardou et al.", pair: wrappingPair},
	{Name: "unwrapping-by-sound-mechanism", Source: "Clulow; Bardou et al.", unwrap: unwrappingIsSound},
	{Name: "unwrapped-is-sensitive", Source: "Tookan", unwrapped: unwrappedIsSensitive},
	{Name: "unwrapped-does-not-derive", Source: "DKS", unwrapped: unwrappedDoesNotDerive},
	{Name: "unwrapped-needs-trust", Source: "PKCS #11 section 4.10", unwrapped: unwrappedNeedsTrust, change: unwrappingStaysTrusted},
	{Name: "unwrapped-by-pair-needs-trust", Source: "PKCS #11 section 4.10", unwrapped: unwrappedByPairNeedsTrust},
	{Name: "deriving-is-all", Source: "Clulow; DKS", key: derivingIsAll},
	{Name: "deriving-key-stays", Source: "DKS", key: derivingKeyStays},
	{Name: "derived-is-sensitive", Source: "Clulow", derived: derivedIsSensitive},
	{Name: "derived-stays", Source: "Clulow", derived: derivedStays},
	{Name: "derived-is-sound", Source: "Clulow", derived: derivedIsSound},
	{Name: "derived-does-not-derive", Source: "DKS", derived: derivedDoesNotDerive},
	{Name: "derived-data-is-apart", Source: "PKCS #11 Profiles section 5.6", derive: derivedDataIsApart},
	{Name: "encapsulating-pair", Source: "Clulow", pair: encapsulatingPair},
	{Name: "encapsulating-by-sound-mechanism", Source: "Clulow; Bardou et al.", agree: encapsulatingIsSound},
	{Name: "decapsulating-is-all", Source: "Clulow", key: decapsulatingIsAll},
	{Name: "decapsulating-key-stays", Source: "DKS", key: decapsulatingKeyStays},
	{Name: "uses-are-given-up-only", Source: "DKS; Tookan", change: usesAreGivenUp},
}

// agreements are derivations of which the other side knows the result anyway, so
// that it is no secret of this token.
var agreements = map[ck.MechanismType]bool{
	ck.CKM_ECDH1_DERIVE:          true,
	ck.CKM_ECDH1_COFACTOR_DERIVE: true,
	ck.CKM_DH_PKCS_DERIVE:        true,
}

// soundWrapping are the mechanisms that a changed or exchanged part of a wrapped key
// does not get past, and that give nothing away however often they are used.
var soundWrapping = map[ck.MechanismType]bool{
	ck.CKM_AES_KEY_WRAP:     true,
	ck.CKM_AES_KEY_WRAP_KWP: true,
	ck.CKM_AES_KEY_WRAP_PAD: true,
	ck.CKM_RSA_PKCS_OAEP:    true,
	ck.CKM_RSA_AES_KEY_WRAP: true,
}

// What makes an authenticated cipher sound, in bits: a nonce that the token made, of
// which none comes twice (SP 800-38D, section 8.2.2), and a tag that is not guessed. And
// the key must be for nothing else (CKA_ALLOWED_MECHANISMS): AES-KWP makes one block of a
// short key, most of which the caller chooses, and would so tell parts of the key stream.
const (
	soundNonce = 96
	soundTag   = 96
)

// soundAEAD reports whether m is GCM or CCM by which k may wrap, or may unwrap.
func soundAEAD(k *Object, m *ck.Mechanism) (wraps, unwraps bool) {
	if m.Type != ck.CKM_AES_GCM && m.Type != ck.CKM_AES_CCM || !k.allowsOnly(m.Type) {
		return false, false
	}
	made := func(nonce []byte, fixed, generator uint64) bool {
		return generator != ck.CKG_NO_GENERATE && 8*uint64(len(nonce)) >= soundNonce+min(fixed, 1<<32)
	}
	switch p := m.Param.(type) {
	case *ck.GCMParams: // the nonce is the caller's, who may use one twice
		return false, p.TagBits >= soundTag
	case *ck.CCMParams:
		return false, p.MACLen >= soundTag/8
	case *ck.WrapParams:
		tag := p.TagBits >= soundTag
		return tag && made(p.Nonce, p.FixedBits, p.Generator), tag
	case *ck.MessageParams:
		tag := p.TagSize >= soundTag/8
		return tag && made(p.Nonce, p.FixedBits, p.Generator), tag
	}
	return false, false
}

// oneWay are the derivations that tell nothing of the base key, nor of other keys
// derived from it. To cut keys, join them or add something known to them does.
var oneWay = map[ck.MechanismType]bool{
	ck.CKM_AES_ECB_ENCRYPT_DATA:          true,
	ck.CKM_AES_CBC_ENCRYPT_DATA:          true,
	ck.CKM_SHA1_KEY_DERIVATION:           true,
	ck.CKM_SHA224_KEY_DERIVATION:         true,
	ck.CKM_SHA256_KEY_DERIVATION:         true,
	ck.CKM_SHA384_KEY_DERIVATION:         true,
	ck.CKM_SHA512_KEY_DERIVATION:         true,
	ck.CKM_SHA512_224_KEY_DERIVATION:     true,
	ck.CKM_SHA512_256_KEY_DERIVATION:     true,
	ck.CKM_SHA3_224_KEY_DERIVATION:       true,
	ck.CKM_SHA3_256_KEY_DERIVATION:       true,
	ck.CKM_SHA3_384_KEY_DERIVATION:       true,
	ck.CKM_SHA3_512_KEY_DERIVATION:       true,
	ck.CKM_HKDF_DERIVE:                   true,
	ck.CKM_SP800_108_COUNTER_KDF:         true,
	ck.CKM_SP800_108_FEEDBACK_KDF:        true,
	ck.CKM_SP800_108_DOUBLE_PIPELINE_KDF: true,
}

// derivedLength is the fewest bytes of a derived key: of a shorter one, and then of
// ever longer ones, the bytes could be guessed one after the other.
const derivedLength = 16

var (
	wrapUses   = usageBit(ck.CKA_WRAP) | usageBit(ck.CKA_UNWRAP)
	deriveUses = usageBit(ck.CKA_DERIVE)
)

// guarded reports whether o is a secret key that cannot be read.
func guarded(o *Object) bool { return o.class == ck.CKO_SECRET_KEY && !o.readable() }

// madeHere reports whether nobody can know the key from elsewhere. It is true of
// copies too: attributes of history are copied.
func madeHere(o *Object) bool { return o.Bool(ck.CKA_LOCAL) }

func wrappingKeyIsOurs(w, key *Object, _ *ck.Mechanism) error {
	if key.readable() || madeHere(w) || w.Bool(ck.CKA_TRUSTED) {
		return nil
	}
	return forbid(ck.CKR_KEY_NOT_WRAPPABLE, "the wrapping key was not made here, and is not trusted")
}

func wrappingKeyStays(w, key *Object, _ *ck.Mechanism) error {
	if key.readable() || w.class != ck.CKO_SECRET_KEY || w.Bool(ck.CKA_NEVER_EXTRACTABLE) || w.Bool(ck.CKA_TRUSTED) {
		return nil
	}
	return forbid(ck.CKR_KEY_NOT_WRAPPABLE, "the wrapping key could leave itself, and is not trusted")
}

func wrappingKeepsSecret(w, key *Object, _ *ck.Mechanism) error {
	if !key.readable() && yields(w) {
		return forbid(ck.CKR_KEY_NOT_WRAPPABLE, "the wrapping key's CKA_UNWRAP_TEMPLATE gives away what it unwraps")
	}
	return nil
}

// yields reports whether a key's CKA_UNWRAP_TEMPLATE lifts the rules for what is
// unwrapped.
func yields(o *Object) bool {
	return lifted(o, ck.CKA_UNWRAP_TEMPLATE, ck.CKA_SENSITIVE, false) ||
		lifted(o, ck.CKA_UNWRAP_TEMPLATE, ck.CKA_DERIVE, true) ||
		lifted(o, ck.CKA_UNWRAP_TEMPLATE, ck.CKA_DECAPSULATE, true)
}

// lifted reports whether the template in o says that attribute t is v.
func lifted(o *Object, template, t ck.AttributeType, v bool) bool {
	said, ok := ck.Template(o.Nested(template)).Bool(t)
	return ok && said == v
}

// imposed reports whether the template in o says anything about attribute t.
func imposed(o *Object, template, t ck.AttributeType) bool {
	_, ok := ck.Template(o.Nested(template)).Find(t)
	return ok
}

// wrappingIsSound holds for keys that may be read too, where others leave under the
// same wrapping key: one that the caller chose would answer what another mechanism
// encrypts.
func wrappingIsSound(w, key *Object, m *ck.Mechanism) error {
	if key.readable() && !holdsOurs(w) || soundWrapping[m.Type] {
		return nil
	}
	if wraps, _ := soundAEAD(w, m); wraps {
		return nil
	}
	return forbid(ck.CKR_MECHANISM_INVALID, "the mechanism does not protect what is wrapped by it")
}

// holdsOurs reports whether something sensitive of this token may have left, or
// leave, under the secret key w.
func holdsOurs(w *Object) bool {
	return w.class == ck.CKO_SECRET_KEY && !wrapsReadableOnly(w) &&
		(madeHere(w) && w.Bool(ck.CKA_NEVER_EXTRACTABLE) || w.Bool(ck.CKA_TRUSTED))
}

// wrappingOrElse: programs such as python-pkcs11 ask for all uses of a secret key at
// once. Such a key is made, but what it decrypts it must not have wrapped: it gets a
// CKA_WRAP_TEMPLATE that lets it wrap what may be read anyway. The template stays with
// the key and its copies for good, whatever becomes of their uses.
func wrappingOrElse(o *Object) (*Object, error) {
	if !wrapsAmongOthers(o) || guarded(o) && o.usage&deriveUses != 0 {
		return o, nil
	}
	return o.wrappingReadable()
}

func wrappingIsAll(o *Object) error {
	if wrapsAmongOthers(o) && !wrapsReadableOnly(o) {
		return forbid(ck.CKR_TEMPLATE_INCONSISTENT, "a key that wraps or unwraps what cannot be read is for nothing else")
	}
	return nil
}

// wrapsAmongOthers reports whether a key that cannot be read has other uses beside
// wrapping and unwrapping.
func wrapsAmongOthers(o *Object) bool {
	return guarded(o) && o.usage&wrapUses != 0 && o.usage&^wrapUses != 0
}

// wrapsReadableOnly reports whether nothing that cannot be read leaves under o, nor
// ever did.
func wrapsReadableOnly(o *Object) bool {
	for _, want := range readableOnly {
		said, ok := ck.Template(o.Nested(ck.CKA_WRAP_TEMPLATE)).Find(want.Type)
		if !ok || !sameAttribute(&said, &want) {
			return false
		}
	}
	return true
}

// wrappingReadable returns o with readableOnly in its CKA_WRAP_TEMPLATE:
// CKR_TEMPLATE_INCONSISTENT if that says otherwise.
func (o *Object) wrappingReadable() (*Object, error) {
	tmpl, err := merge(o.Nested(ck.CKA_WRAP_TEMPLATE), readableOnly)
	if err != nil {
		return nil, err
	}
	return o.having(ck.Attribute{Type: ck.CKA_WRAP_TEMPLATE, Nested: tmpl}), nil
}

// wrappingPair: a public key wraps what is sensitive only if its private half does
// nothing but unwrap, soundly, and stays here. Clients such as NSS ask for all uses
// of a pair at once, so that other pairs are not refused: their public half gets a
// CKA_WRAP_TEMPLATE that lets it wrap what may be read anyway.
//
// The two halves are for one mechanism, OAEP if nobody says. RSA without padding,
// or with that of PKCS #1 v1.5, answers questions about the plaintext of any
// ciphertext. And what CKM_RSA_AES_KEY_WRAP makes begins with a key under OAEP, which
// must not come in by itself: it decrypts the rest.
func wrappingPair(public, private *Object) (pub, priv *Object, err error) {
	if !public.Permits(ck.CKA_WRAP) || public.Bool(ck.CKA_TRUSTED) {
		return public, private, nil
	}
	for _, m := range []ck.MechanismType{ck.CKM_RSA_PKCS_OAEP, ck.CKM_RSA_AES_KEY_WRAP} {
		only := ck.Attribute{Type: ck.CKA_ALLOWED_MECHANISMS, Value: ck.AppendUlong(nil, uint64(m))}
		pub, priv = public.unlessSaid(only), private.unlessSaid(only)
		if pub.allowsOnly(m) && priv.allowsOnly(m) && unwrapsOnly(priv) {
			return pub, priv, nil
		}
	}
	pub, err = public.wrappingReadable()
	return pub, private, err
}

// readableOnly is a CKA_WRAP_TEMPLATE.
var readableOnly = []ck.Attribute{ck.Bool(ck.CKA_SENSITIVE, false), ck.Bool(ck.CKA_EXTRACTABLE, true)}

// unwrapsOnly reports whether o may be the private half of a public key that wraps
// what cannot be read.
func unwrapsOnly(o *Object) bool {
	return o.usage == usageBit(ck.CKA_UNWRAP) && o.Bool(ck.CKA_NEVER_EXTRACTABLE) && !yields(o) &&
		!lifted(o, ck.CKA_UNWRAP_TEMPLATE, ck.CKA_EXTRACTABLE, true)
}

// allowsOnly reports whether CKA_ALLOWED_MECHANISMS is m and nothing else.
func (o *Object) allowsOnly(m ck.MechanismType) bool {
	return bytes.Equal(o.Bytes(ck.CKA_ALLOWED_MECHANISMS), ck.AppendUlong(nil, uint64(m)))
}

// unlessSaid returns o with an attribute if it has none of the type.
func (o *Object) unlessSaid(a ck.Attribute) *Object {
	if o.has(a.Type) {
		return o
	}
	return o.having(a)
}

// having returns o with an attribute, whatever the rules of its row.
func (o *Object) having(a ck.Attribute) *Object {
	c := newObject(o.id, o.schema, withAttribute(o.list(), own(kinds[a.Type], &a)))
	c.owes = o.owes
	return c
}

// unwrappingIsSound is for keys under which something of this token may have left.
// With others, the worst that can be found out is what came from outside. What RSA
// keys may do is in their CKA_ALLOWED_MECHANISMS: wrappingPair.
func unwrappingIsSound(base *Object, m *ck.Mechanism) error {
	if !holdsOurs(base) || soundWrapping[m.Type] {
		return nil
	}
	if _, unwraps := soundAEAD(base, m); unwraps {
		return nil
	}
	return forbid(ck.CKR_MECHANISM_INVALID, "the mechanism would tell about keys that are wrapped under this one")
}

func derivingIsAll(o *Object) error {
	if guarded(o) && o.usage&deriveUses != 0 && o.usage&^deriveUses != 0 {
		return forbid(ck.CKR_TEMPLATE_INCONSISTENT, "a key that others are derived from is for nothing else")
	}
	return nil
}

func derivingKeyStays(o *Object) error {
	if guarded(o) && o.usage&deriveUses != 0 && o.Bool(ck.CKA_EXTRACTABLE) {
		return forbid(ck.CKR_TEMPLATE_INCONSISTENT, "a key that others are derived from is not extractable")
	}
	return nil
}

// derivation is how a key came of another one.
type derivation struct {
	template  ck.AttributeType // of the base key: what it says of such keys
	mechanism ck.MechanismType // of CKA_DERIVE_TEMPLATE
}

// fresh reports whether the value of the key has not been there before.
func (by derivation) fresh() bool { return by.template == ck.CKA_ENCAPSULATE_TEMPLATE }

func derivedIsSensitive(base, o *Object, by derivation) error {
	if by.fresh() || o.Bool(ck.CKA_SENSITIVE) || lifted(base, by.template, ck.CKA_SENSITIVE, false) {
		return nil
	}
	return forbid(ck.CKR_TEMPLATE_INCONSISTENT, "a derived key is sensitive, unless the base key's CKA_DERIVE_TEMPLATE or its like says otherwise")
}

func derivedStays(base, o *Object, by derivation) error {
	if by.fresh() || !o.Bool(ck.CKA_EXTRACTABLE) || base.Bool(ck.CKA_EXTRACTABLE) || lifted(base, by.template, ck.CKA_EXTRACTABLE, true) {
		return nil
	}
	return forbid(ck.CKR_TEMPLATE_INCONSISTENT, "a derived key is not extractable, unless the base key or its CKA_DERIVE_TEMPLATE or its like is")
}

// derivedDoesNotDerive: of the same base key may come another key of the same value,
// which computes what this one derives. The template binds both.
func derivedDoesNotDerive(base, o *Object, by derivation) error {
	switch {
	case !guarded(o) || !o.Permits(ck.CKA_DERIVE):
		return nil
	case !lifted(base, by.template, ck.CKA_DERIVE, true):
		return forbid(ck.CKR_TEMPLATE_INCONSISTENT, "a derived key derives only if the base key's CKA_DERIVE_TEMPLATE or its like says so")
	case o.has(ck.CKA_DERIVE_TEMPLATE) && !imposed(base, by.template, ck.CKA_DERIVE_TEMPLATE): // the next time it has none, or another
		return forbid(ck.CKR_TEMPLATE_INCONSISTENT, "a derived key has a CKA_DERIVE_TEMPLATE only if the base key's says which")
	}
	return nil
}

func derivedIsSound(_, o *Object, by derivation) error {
	if by.template == ck.CKA_DERIVE_TEMPLATE && !oneWay[by.mechanism] {
		return forbid(ck.CKR_MECHANISM_INVALID, "the mechanism does not hide the key that it derives from")
	}
	if n, ok := o.Ulong(ck.CKA_VALUE_LEN); ok && n < derivedLength {
		return forbid(ck.CKR_KEY_SIZE_RANGE, "a derived key has at least 16 bytes")
	}
	return nil
}

// usesAreGivenUp: what a key may not do it never may, nor its copies. A key that
// could take turns would hold conflicting uses after all.
func usesAreGivenUp(from, to *Object) error {
	if to.usage&^from.usage != 0 {
		return forbid(ck.CKR_ATTRIBUTE_READ_ONLY, "the uses of a key are set when it is made")
	}
	for _, t := range []ck.AttributeType{ck.CKA_MODIFIABLE, ck.CKA_DESTROYABLE} {
		if isKeyClass(from.class) && !from.Bool(t) && to.Bool(t) {
			return forbid(ck.CKR_ATTRIBUTE_READ_ONLY, "a copy of a key may do no more than the key")
		}
	}
	return nil
}
