package slots_test

import (
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/service"
	"github.com/coffer-hsm/coffer/slots"
)

// hotpath is the real module with the keys of the calls that clients make most.
type hotpath struct {
	app      *slots.App
	h        ck.SessionHandle
	mac      ck.ObjectHandle
	src, dst []byte
	tag      []byte
}

func newHotpath(t testing.TB) *hotpath {
	w, h := benchWorld(t)
	p := &hotpath{app: w.app, h: h, src: make([]byte, 64), dst: make([]byte, 128)}
	p.mac = p.generate(t, ck.CKM_GENERIC_SECRET_KEY_GEN)
	return p
}

// generate makes a key of 32 bytes for all uses that its type has.
func (p *hotpath) generate(t testing.TB, m ck.MechanismType) ck.ObjectHandle {
	t.Helper()
	tmpl := ck.Template{ck.Ulong[uint64](ck.CKA_VALUE_LEN, 32), ck.String(ck.CKA_LABEL, "hot")}
	for _, use := range []ck.AttributeType{ck.CKA_ENCRYPT, ck.CKA_DECRYPT, ck.CKA_SIGN, ck.CKA_VERIFY} {
		tmpl = append(tmpl, ck.Bool(use, true))
	}
	o, err := p.app.GenerateKey(p.h, &ck.Mechanism{Type: m}, tmpl)
	p.must(t, err)
	return o
}

func (p *hotpath) must(t testing.TB, err error) {
	if err != nil {
		t.Helper()
		t.Fatal(err)
	}
}

func (p *hotpath) encrypt(t testing.TB, m *ck.Mechanism, key ck.ObjectHandle) []byte {
	p.must(t, p.app.EncryptInit(p.h, m, key))
	n, err := p.app.Encrypt(p.h, p.src, p.dst)
	p.must(t, err)
	return p.dst[:n]
}

func (p *hotpath) decrypt(t testing.TB, m *ck.Mechanism, key ck.ObjectHandle, sealed []byte) {
	p.must(t, p.app.DecryptInit(p.h, m, key))
	_, err := p.app.Decrypt(p.h, sealed, p.dst)
	p.must(t, err)
}

// sign leaves what it signs with in tag, for verify.
func (p *hotpath) sign(t testing.TB, m *ck.Mechanism, key ck.ObjectHandle) {
	p.must(t, p.app.SignInit(p.h, m, key))
	n, err := p.app.Sign(p.h, p.src, p.dst)
	p.must(t, err)
	p.tag = p.dst[:n]
}

func (p *hotpath) verify(t testing.TB, m *ck.Mechanism, key ck.ObjectHandle) {
	p.must(t, p.app.VerifyInit(p.h, m, key))
	p.must(t, p.app.Verify(p.h, p.src, p.tag))
}

// hotCiphers are the ciphers, with the mechanisms that make their keys. library is how often
// one allocates where a mode is the standard library's: once for the mode, which has a copy
// of the key schedule. XTS then has a tweak that escapes.
var hotCiphers = map[string]struct {
	*ck.Mechanism
	generation ck.MechanismType
	library    map[string]float64 // by service.InUse().AES
	most       float64
}{
	"GCM":     {&ck.Mechanism{Type: ck.CKM_AES_GCM, Param: &ck.GCMParams{IV: make([]byte, 12), TagBits: 128}}, ck.CKM_AES_KEY_GEN, nil, 0},
	"CBC":     {&ck.Mechanism{Type: ck.CKM_AES_CBC, Param: hotIV}, ck.CKM_AES_KEY_GEN, portableOnce, 0},
	"CBC-PAD": {&ck.Mechanism{Type: ck.CKM_AES_CBC_PAD, Param: hotIV}, ck.CKM_AES_KEY_GEN, portableOnce, 0},
	"CTR":     {&ck.Mechanism{Type: ck.CKM_AES_CTR, Param: &ck.CTRParams{Bits: 128}}, ck.CKM_AES_KEY_GEN, map[string]float64{"portable": 1, "aesni": 1}, 0},
	"ECB":     {&ck.Mechanism{Type: ck.CKM_AES_ECB}, ck.CKM_AES_KEY_GEN, portableOnce, 0},
	"XTS":     {&ck.Mechanism{Type: ck.CKM_AES_XTS, Param: hotIV}, ck.CKM_AES_XTS_KEY_GEN, map[string]float64{"portable": 2}, 0},
	// The cipher is that of golang.org/x/crypto.
	"ChaCha20": {&ck.Mechanism{Type: ck.CKM_CHACHA20, Param: &ck.ChaCha20Params{Nonce: make([]byte, 12)}}, ck.CKM_CHACHA20_KEY_GEN, nil, 1},
}

var (
	hotIV        = &ck.BytesParam{Bytes: make([]byte, 16)}
	portableOnce = map[string]float64{"portable": 1}
)

func TestHotPathOfCiphers(t *testing.T) {
	p := newHotpath(t)
	for name, c := range hotCiphers {
		key, most := p.generate(t, c.generation), c.most+c.library[service.InUse().AES]
		sealed := slices.Clone(p.encrypt(t, c.Mechanism, key))
		allocates(t, name+" encryption", most, func() { p.encrypt(t, c.Mechanism, key) })
		allocates(t, name+" decryption", most, func() { p.decrypt(t, c.Mechanism, key, sealed) })
	}
}

func TestHotPath(t *testing.T) {
	p := newHotpath(t)
	sha := &ck.Mechanism{Type: ck.CKM_SHA256}
	allocates(t, "digest", 0, func() {
		p.must(t, p.app.DigestInit(p.h, sha))
		_, err := p.app.Digest(p.h, p.src, p.dst)
		p.must(t, err)
	})
	for name, c := range map[string]struct {
		*ck.Mechanism
		key ck.ObjectHandle
	}{
		"HMAC": {&ck.Mechanism{Type: ck.CKM_SHA256_HMAC}, p.mac},
		"CMAC": {&ck.Mechanism{Type: ck.CKM_AES_CMAC}, p.generate(t, ck.CKM_AES_KEY_GEN)},
	} {
		allocates(t, name, 0, func() { p.sign(t, c.Mechanism, c.key) })
		allocates(t, "verification of "+name, 0, func() { p.verify(t, c.Mechanism, c.key) })
	}
	allocates(t, "random", 0, func() { p.must(t, p.app.GenerateRandom(p.h, p.dst)) })
	template, found := ck.Template{ck.String(ck.CKA_LABEL, "hot")}, make([]ck.ObjectHandle, 5)
	allocates(t, "search", 0, func() {
		p.must(t, p.app.FindObjectsInit(p.h, template))
		n, err := p.app.FindObjects(p.h, found)
		p.must(t, err)
		if n != 2 {
			t.Fatal(n)
		}
		p.must(t, p.app.FindObjectsFinal(p.h))
	})
	attributes := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_LABEL}}, {Attribute: ck.Attribute{Type: ck.CKA_CLASS}}}
	allocates(t, "attributes", 0, func() { p.must(t, p.app.GetAttributeValue(p.h, p.mac, attributes)) })
	allocates(t, "session", 0, func() {
		h, err := p.app.OpenSession(1, ck.CKF_SERIAL_SESSION)
		p.must(t, err)
		p.must(t, p.app.CloseSession(h))
	})
}

// sessionKeyTakes is what a session key is made of: the object, its secret, the entry of the
// partition and that of the handle.
const sessionKeyTakes = 4

func TestHotPathOfSessionKeys(t *testing.T) {
	p := newHotpath(t)
	template := ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES),
		ck.String(ck.CKA_LABEL, "hot"), ck.Bytes(ck.CKA_VALUE, make([]byte, 32)),
	}
	allocates(t, "a session key", sessionKeyTakes, func() {
		o, err := p.app.CreateObject(p.h, template)
		p.must(t, err)
		p.must(t, p.app.DestroyObject(p.h, o))
	})
}

// allocates holds what f allocates against what it may. Under the race detector a
// sync.Pool forgets some of what it is given.
func allocates(t *testing.T, what string, most float64, f func()) {
	t.Helper()
	if n := testing.AllocsPerRun(1000, f); n > most && !raceDetector {
		t.Errorf("%s allocates %v times, want %v", what, n, most)
	}
}

// allocatesIn is allocates for an f that takes long. In few runs it counts what the module
// does beside them: the least of some tries is what f does.
func allocatesIn(t *testing.T, runs int, what string, most float64, f func()) {
	t.Helper()
	n := testing.AllocsPerRun(runs, f)
	for try := 1; n > most && try < 3; try++ {
		n = min(n, testing.AllocsPerRun(runs, f))
	}
	if n > most && !raceDetector {
		t.Errorf("%s allocates %v times, want %v", what, n, most)
	}
}
