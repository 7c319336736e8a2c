package object

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

func strict(t testing.TB) *Policy {
	t.Helper()
	p, ok := PolicyNamed(StrictPolicy)
	if !ok {
		t.Fatal("there is no strict policy")
	}
	return p
}

// flags are attributes that are set to true or false.
type flags map[ck.AttributeType]bool

// secretWith is a generated AES key with flags set, some of them false.
func secretWith(t testing.TB, set flags) *Object {
	t.Helper()
	tmpl := plus(without(aesTemplate(), ck.CKA_VALUE), ck.Ulong(ck.CKA_VALUE_LEN, uint64(16)))
	for a, v := range set {
		tmpl = append(tmpl, ck.Bool(a, v))
	}
	o, _ := build(t, Request{Origin: Generated, Template: tmpl, Made: ck.Template{value(16)}, SO: set[ck.CKA_TRUSTED]})
	return o
}

func TestPolicyNames(t *testing.T) {
	for name, rules := range map[string]int{StrictPolicy: len(strictRules), StandardPolicy: 0} {
		p, ok := PolicyNamed(name)
		if !ok || p.Name() != name || len(p.Rules()) != rules {
			t.Errorf("%q: %v", name, ok)
		}
	}
	if _, ok := PolicyNamed("lax"); ok {
		t.Error("there is a policy that there is not")
	}
	var none *Policy
	if none.Rules() != nil {
		t.Error("no policy has rules")
	}
}

// Every rule has a name of its own, a source, and something to say.
func TestRulesAreWhole(t *testing.T) {
	names := map[string]bool{}
	for _, r := range strict(t).Rules() {
		if r.Name == "" || names[r.Name] || r.Source == "" {
			t.Errorf("rule %q: name or source", r.Name)
		}
		names[r.Name] = true
		if r.key == nil && r.change == nil && r.wrap == nil && r.unwrap == nil && r.unwrapped == nil && r.derived == nil && r.pair == nil && r.made == nil && r.agree == nil && r.derive == nil {
			t.Errorf("rule %q checks nothing", r.Name)
		}
		less := strict(t).Without(r.Name)
		if len(less.Rules()) != len(strictRules)-1 {
			t.Errorf("without %q there are %d rules", r.Name, len(less.Rules()))
		}
	}
}

func TestPolicyOfKeys(t *testing.T) {
	for _, c := range []struct {
		name string
		set  flags
		want ck.RV
	}{
		{"usual", nil, ck.CKR_OK},
		{"all but the exclusive", flags{ck.CKA_ENCRYPT: true, ck.CKA_DECRYPT: true, ck.CKA_SIGN: true, ck.CKA_EXTRACTABLE: true}, ck.CKR_OK},
		{"wraps", flags{ck.CKA_WRAP: true, ck.CKA_UNWRAP: true}, ck.CKR_OK},
		{"wraps and decrypts", flags{ck.CKA_WRAP: true, ck.CKA_DECRYPT: true}, ck.CKR_TEMPLATE_INCONSISTENT},
		{"wraps and encrypts", flags{ck.CKA_WRAP: true, ck.CKA_ENCRYPT: true}, ck.CKR_TEMPLATE_INCONSISTENT},
		{"unwraps and decrypts", flags{ck.CKA_UNWRAP: true, ck.CKA_DECRYPT: true}, ck.CKR_TEMPLATE_INCONSISTENT},
		{"wraps and signs", flags{ck.CKA_WRAP: true, ck.CKA_SIGN: true}, ck.CKR_TEMPLATE_INCONSISTENT},
		{"wraps and derives", flags{ck.CKA_WRAP: true, ck.CKA_DERIVE: true}, ck.CKR_TEMPLATE_INCONSISTENT},
		{"wraps, decrypts and can be read", flags{ck.CKA_WRAP: true, ck.CKA_DECRYPT: true, ck.CKA_SENSITIVE: false, ck.CKA_EXTRACTABLE: true}, ck.CKR_OK},
		{"wraps, decrypts and is not sensitive", flags{ck.CKA_WRAP: true, ck.CKA_DECRYPT: true, ck.CKA_SENSITIVE: false}, ck.CKR_TEMPLATE_INCONSISTENT},
		{"derives", flags{ck.CKA_DERIVE: true}, ck.CKR_OK},
		{"derives and encrypts", flags{ck.CKA_DERIVE: true, ck.CKA_ENCRYPT: true}, ck.CKR_TEMPLATE_INCONSISTENT},
		{"derives and verifies", flags{ck.CKA_DERIVE: true, ck.CKA_VERIFY: true}, ck.CKR_TEMPLATE_INCONSISTENT},
		{"derives and leaves", flags{ck.CKA_DERIVE: true, ck.CKA_EXTRACTABLE: true}, ck.CKR_TEMPLATE_INCONSISTENT},
	} {
		o := secretWith(t, c.set)
		if err := strict(t).Key(o); ck.Code(err) != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		var none *Policy
		if err := none.Key(o); err != nil {
			t.Errorf("%s without a policy: %v", c.name, err)
		}
	}
}

// TestPolicyMakes: keys that were asked for with conflicting uses.
func TestPolicyMakes(t *testing.T) {
	all := flags{ck.CKA_WRAP: true, ck.CKA_UNWRAP: true, ck.CKA_ENCRYPT: true, ck.CKA_DECRYPT: true, ck.CKA_SIGN: true, ck.CKA_VERIFY: true}
	for _, c := range []struct {
		name  string
		set   flags
		bound bool // wraps only what can be read
		want  ck.RV
	}{
		{"for wrapping", flags{ck.CKA_WRAP: true, ck.CKA_UNWRAP: true}, false, ck.CKR_OK},
		{"not for wrapping", flags{ck.CKA_ENCRYPT: true, ck.CKA_DECRYPT: true}, false, ck.CKR_OK},
		{"for all", all, true, ck.CKR_OK},
		{"unwraps and decrypts", flags{ck.CKA_UNWRAP: true, ck.CKA_DECRYPT: true}, true, ck.CKR_OK},
		{"can be read", flags{ck.CKA_WRAP: true, ck.CKA_DECRYPT: true, ck.CKA_SENSITIVE: false, ck.CKA_EXTRACTABLE: true}, false, ck.CKR_OK},
		{"wraps and derives", flags{ck.CKA_WRAP: true, ck.CKA_DERIVE: true}, false, ck.CKR_TEMPLATE_INCONSISTENT},
	} {
		made, err := strict(t).Made(secretWith(t, c.set))
		if ck.Code(err) != c.want || err == nil && wrapsReadableOnly(made) != c.bound {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	contrary := secretWith(t, all).having(ck.Attribute{Type: ck.CKA_WRAP_TEMPLATE, Nested: []ck.Attribute{ck.Bool(ck.CKA_EXTRACTABLE, false)}})
	_, err := strict(t).Made(contrary)
	wantCode(t, err, ck.CKR_TEMPLATE_INCONSISTENT)
}

func TestPolicyOfWrapping(t *testing.T) {
	plain := func(m ck.MechanismType) *ck.Mechanism { return &ck.Mechanism{Type: m} }
	gcm := func(p any) *ck.Mechanism { return &ck.Mechanism{Type: ck.CKM_AES_GCM, Param: p} }
	ccm := func(p any) *ck.Mechanism { return &ck.Mechanism{Type: ck.CKM_AES_CCM, Param: p} }
	iv := make([]byte, 12)
	message := func(kind ck.MessageKind, tag int) *ck.MessageParams {
		return &ck.MessageParams{Kind: kind, Nonce: iv, Generator: ck.CKG_GENERATE, Tag: make([]byte, tag), TagSize: tag}
	}
	made := func(fixed, generator, tag uint64) *ck.Mechanism {
		return gcm(&ck.WrapParams{Nonce: iv, TagBits: tag, FixedBits: fixed, Generator: generator})
	}
	wraps := flags{ck.CKA_WRAP: true, ck.CKA_UNWRAP: true}
	fit := secretWith(t, wraps)
	leaves := secretWith(t, flags{ck.CKA_WRAP: true, ck.CKA_EXTRACTABLE: true})
	brought, _ := create(t, plus(aesTemplate(), ck.Bool(ck.CKA_WRAP, true)))
	trusted, _ := build(t, Request{SO: true, Template: plus(aesTemplate(), ck.Bool(ck.CKA_WRAP, true), ck.Bool(ck.CKA_TRUSTED, true))})
	gives := fit.having(ck.Attribute{Type: ck.CKA_UNWRAP_TEMPLATE, Nested: []ck.Attribute{ck.Bool(ck.CKA_DERIVE, true)}})
	only := func(m ck.MechanismType) *Object {
		return fit.having(ck.Attribute{Type: ck.CKA_ALLOWED_MECHANISMS, Value: ck.AppendUlong(nil, uint64(m))})
	}
	byGCM, byCCM := only(ck.CKM_AES_GCM), only(ck.CKM_AES_CCM)
	secret := secretWith(t, flags{ck.CKA_EXTRACTABLE: true})
	open := secretWith(t, flags{ck.CKA_EXTRACTABLE: true, ck.CKA_SENSITIVE: false})
	kwp := plain(ck.CKM_AES_KEY_WRAP_KWP)
	for _, c := range []struct {
		name   string
		w, key *Object
		m      *ck.Mechanism
		want   ck.RV
	}{
		{"fit", fit, secret, kwp, ck.CKR_OK},
		{"trusted", trusted, secret, kwp, ck.CKR_OK},
		{"can leave", leaves, secret, kwp, ck.CKR_KEY_NOT_WRAPPABLE},
		{"brought in", brought, secret, kwp, ck.CKR_KEY_NOT_WRAPPABLE},
		{"gives away", gives, secret, kwp, ck.CKR_KEY_NOT_WRAPPABLE},
		{"CBC", fit, secret, plain(ck.CKM_AES_CBC), ck.CKR_MECHANISM_INVALID},
		{"CBC with padding", fit, secret, plain(ck.CKM_AES_CBC_PAD), ck.CKR_MECHANISM_INVALID},
		{"raw RSA", fit, secret, plain(ck.CKM_RSA_X_509), ck.CKR_MECHANISM_INVALID},
		{"GCM with the caller's IV", byGCM, secret, gcm(&ck.GCMParams{IV: iv, TagBits: 128}), ck.CKR_MECHANISM_INVALID},
		{"GCM with the token's IV", byGCM, secret, made(0, ck.CKG_GENERATE, 128), ck.CKR_OK},
		{"GCM with no IV made", byGCM, secret, made(0, ck.CKG_NO_GENERATE, 128), ck.CKR_MECHANISM_INVALID},
		{"GCM with little of the IV made", byGCM, secret, made(64, ck.CKG_GENERATE, 128), ck.CKR_MECHANISM_INVALID},
		{"GCM with a wild count", byGCM, secret, made(^uint64(0), ck.CKG_GENERATE, 128), ck.CKR_MECHANISM_INVALID},
		{"GCM with a short tag", byGCM, secret, made(0, ck.CKG_GENERATE, 32), ck.CKR_MECHANISM_INVALID},
		{"GCM message", byGCM, secret, gcm(message(ck.GCMMessage, 16)), ck.CKR_OK},
		{"CCM message", byCCM, secret, ccm(message(ck.CCMMessage, 16)), ck.CKR_OK},
		{"CCM message with a short tag", byCCM, secret, ccm(message(ck.CCMMessage, 10)), ck.CKR_MECHANISM_INVALID},
		{"CCM with the token's nonce", byCCM, secret, ccm(&ck.WrapParams{Nonce: iv, TagBits: 128, Generator: ck.CKG_GENERATE}), ck.CKR_OK},
		{"CCM with the caller's nonce", byCCM, secret, ccm(&ck.CCMParams{Nonce: iv, MACLen: 16}), ck.CKR_MECHANISM_INVALID},
		{"CCM by a key for GCM", byGCM, secret, ccm(message(ck.CCMMessage, 16)), ck.CKR_MECHANISM_INVALID},
		{"GCM without a parameter", byGCM, secret, gcm(nil), ck.CKR_MECHANISM_INVALID},
		{"GCM by a key for all", fit, secret, made(0, ck.CKG_GENERATE, 128), ck.CKR_MECHANISM_INVALID},
		{"readable under what was brought in", brought, open, plain(ck.CKM_AES_CBC), ck.CKR_OK},
		{"readable by CBC under what others leave under", fit, open, plain(ck.CKM_AES_CBC), ck.CKR_MECHANISM_INVALID},
	} {
		if err := strict(t).Wrap(c.w, c.key, c.m); ck.Code(err) != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for _, c := range []struct {
		name string
		base *Object
		m    *ck.Mechanism
		want ck.RV
	}{
		{"fit", fit, kwp, ck.CKR_OK},
		{"CBC with padding", fit, plain(ck.CKM_AES_CBC_PAD), ck.CKR_MECHANISM_INVALID},
		{"CBC by a trusted key", trusted, plain(ck.CKM_AES_CBC), ck.CKR_MECHANISM_INVALID},
		{"CBC by what was brought in", brought, plain(ck.CKM_AES_CBC), ck.CKR_OK},
		{"GCM with the caller's IV", byGCM, gcm(&ck.GCMParams{IV: iv, TagBits: 128}), ck.CKR_OK},
		{"GCM with a short tag", byGCM, gcm(&ck.GCMParams{IV: iv, TagBits: 64}), ck.CKR_MECHANISM_INVALID},
		{"CCM with the caller's nonce", byCCM, ccm(&ck.CCMParams{Nonce: iv, MACLen: 12}), ck.CKR_OK},
		{"CCM with a short tag", byCCM, ccm(&ck.CCMParams{Nonce: iv, MACLen: 10}), ck.CKR_MECHANISM_INVALID},
	} {
		if err := strict(t).Unwrap(c.base, c.m); ck.Code(err) != c.want {
			t.Errorf("unwrap, %s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestPolicyOfPairs(t *testing.T) {
	pairOf := func(wraps ck.Template, private ...ck.Attribute) (*Object, *Object) {
		pub, _ := build(t, Request{Origin: Generated, Made: rsaPublicTemplate(), Template: plus(wraps, ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048)))})
		priv, _ := build(t, Request{Origin: Generated, Made: rsaPrivateTemplate(), Template: private})
		return pub, priv
	}
	wraps, unwraps := ck.Template{ck.Bool(ck.CKA_WRAP, true)}, ck.Bool(ck.CKA_UNWRAP, true)
	raw := ck.Attribute{Type: ck.CKA_ALLOWED_MECHANISMS, Value: ck.AppendUlong(nil, uint64(ck.CKM_RSA_X_509))}
	only := ck.Attribute{Type: ck.CKA_ALLOWED_MECHANISMS, Value: ck.AppendUlong(nil, uint64(ck.CKM_RSA_PKCS_OAEP))}
	other := ck.Attribute{Type: ck.CKA_ALLOWED_MECHANISMS, Value: ck.AppendUlong(nil, uint64(ck.CKM_RSA_AES_KEY_WRAP))}
	both := ck.Attribute{Type: ck.CKA_ALLOWED_MECHANISMS, Value: append(only.Value[:ck.UlongSize:ck.UlongSize], other.Value...)}
	gives := ck.Attribute{Type: ck.CKA_UNWRAP_TEMPLATE, Nested: []ck.Attribute{ck.Bool(ck.CKA_SENSITIVE, false)}}
	for _, c := range []struct {
		name    string
		public  ck.Template
		private []ck.Attribute
		bound   bool // the public half wraps only what can be read
		allowed int  // mechanisms of the private half
	}{
		{"does not wrap", nil, []ck.Attribute{unwraps, ck.Bool(ck.CKA_DECRYPT, true)}, false, 0},
		{"for wrapping", wraps, []ck.Attribute{unwraps}, false, 1},
		{"for wrapping by one mechanism", wraps, []ck.Attribute{unwraps, only}, false, 1},
		{"for wrapping by two", wraps, []ck.Attribute{unwraps, both}, true, 2},
		{"for wrapping by each half's own", plus(wraps, only), []ck.Attribute{unwraps, other}, true, 1},
		{"for wrapping by the other", wraps, []ck.Attribute{unwraps, other}, false, 1},
		{"for wrapping, raw", wraps, []ck.Attribute{unwraps, raw}, true, 1},
		{"decrypts", wraps, []ck.Attribute{unwraps, ck.Bool(ck.CKA_DECRYPT, true)}, true, 0},
		{"signs", wraps, []ck.Attribute{unwraps, ck.Bool(ck.CKA_SIGN, true)}, true, 0},
		{"does not unwrap", wraps, nil, true, 0},
		{"leaves", wraps, []ck.Attribute{unwraps, ck.Bool(ck.CKA_EXTRACTABLE, true)}, true, 0},
		{"gives away", wraps, []ck.Attribute{unwraps, gives}, true, 0},
	} {
		pub, priv, err := strict(t).Pair(pairOf(c.public, c.private...))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if bound := pub.Nested(ck.CKA_WRAP_TEMPLATE) != nil; bound != c.bound {
			t.Errorf("%s: wraps readable keys only: %t", c.name, bound)
		}
		if n := len(priv.Bytes(ck.CKA_ALLOWED_MECHANISMS)) / ck.UlongSize; n != c.allowed {
			t.Errorf("%s: %d mechanisms", c.name, n)
		}
	}
	contrary := plus(wraps, ck.Attribute{Type: ck.CKA_WRAP_TEMPLATE, Nested: []ck.Attribute{ck.Bool(ck.CKA_SENSITIVE, true)}})
	_, _, err := strict(t).Pair(pairOf(contrary, unwraps, ck.Bool(ck.CKA_DECRYPT, true)))
	wantCode(t, err, ck.CKR_TEMPLATE_INCONSISTENT)
}

func TestPolicyOfChanges(t *testing.T) {
	for _, c := range []struct {
		name string
		from flags
		set  ck.Attribute
		so   bool
		want ck.RV
	}{
		{"label", nil, ck.String(ck.CKA_LABEL, "x"), false, ck.CKR_OK},
		{"a use given up", nil, ck.Bool(ck.CKA_ENCRYPT, false), false, ck.CKR_OK},
		{"a use taken", flags{ck.CKA_DECRYPT: false}, ck.Bool(ck.CKA_DECRYPT, true), false, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"a use given by the officer", flags{ck.CKA_DECRYPT: false, ck.CKA_PRIVATE: false}, ck.Bool(ck.CKA_DECRYPT, true), true, ck.CKR_OK},
		{"a conflicting one", flags{ck.CKA_WRAP: true, ck.CKA_PRIVATE: false}, ck.Bool(ck.CKA_DECRYPT, true), true, ck.CKR_TEMPLATE_INCONSISTENT},
		{"sensitive with conflicting uses", flags{ck.CKA_WRAP: true, ck.CKA_DECRYPT: true, ck.CKA_SENSITIVE: false, ck.CKA_EXTRACTABLE: true},
			ck.Bool(ck.CKA_SENSITIVE, true), false, ck.CKR_TEMPLATE_INCONSISTENT},
	} {
		from := secretWith(t, c.from)
		to, err := from.Set(ck.Template{c.set}, c.so)
		if err != nil {
			t.Fatal(err)
		}
		if err := strict(t).Change(from, to, c.so); ck.Code(err) != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	// A key that unwraps is for nothing else, even if the officer wants it to decrypt, nor
	// does one that decrypts come to wrap what cannot be read.
	for _, c := range []struct {
		name string
		from flags
		set  ck.Attribute
		want ck.RV
	}{
		{"an unwrapping key to decrypt", flags{ck.CKA_UNWRAP: true, ck.CKA_PRIVATE: false}, ck.Bool(ck.CKA_DECRYPT, true), ck.CKR_TEMPLATE_INCONSISTENT},
		{"a key for all uses, and one more", flags{ck.CKA_UNWRAP: true, ck.CKA_DECRYPT: true, ck.CKA_PRIVATE: false}, ck.Bool(ck.CKA_WRAP, true), ck.CKR_OK},
	} {
		from, err := strict(t).Made(secretWith(t, c.from))
		if err != nil {
			t.Fatal(err)
		}
		to, err := from.Set(ck.Template{c.set}, true)
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, strict(t).Change(from, to, true), c.want)
		if c.want == ck.CKR_OK && !wrapsReadableOnly(to) {
			t.Errorf("%s: wraps all keys", c.name)
		}
	}
	fixed := secretWith(t, flags{ck.CKA_MODIFIABLE: false})
	loose, _, err := fixed.Copy(ck.Template{ck.Bool(ck.CKA_MODIFIABLE, true)}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, strict(t).Change(fixed, loose, false), ck.CKR_ATTRIBUTE_READ_ONLY)
}
