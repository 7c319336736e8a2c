package slots_test

import (
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// hotpath is the real module with the keys of the calls that clients make most.
type hotpath struct {
	app      *slots.App
	h        ck.SessionHandle
	aes, mac ck.ObjectHandle
	src, dst []byte
	tag      []byte
}

func newHotpath(t *testing.T) *hotpath {
	w, h := benchWorld(t)
	p := &hotpath{app: w.app, h: h, src: make([]byte, 64), dst: make([]byte, 128)}
	make := func(m ck.MechanismType, uses ...ck.AttributeType) ck.ObjectHandle {
		tmpl := ck.Template{ck.Ulong[uint64](ck.CKA_VALUE_LEN, 32), ck.String(ck.CKA_LABEL, "hot")}
		for _, use := range uses {
			tmpl = append(tmpl, ck.Bool(use, true))
		}
		o, err := w.app.GenerateKey(h, &ck.Mechanism{Type: m}, tmpl)
		p.must(t, err)
		return o
	}
	p.aes = make(ck.CKM_AES_KEY_GEN, ck.CKA_ENCRYPT, ck.CKA_DECRYPT)
	p.mac = make(ck.CKM_GENERIC_SECRET_KEY_GEN, ck.CKA_SIGN, ck.CKA_VERIFY)
	return p
}

func (p *hotpath) must(t *testing.T, err error) {
	if err != nil {
		t.Helper()
		t.Fatal(err)
	}
}

func (p *hotpath) encrypt(t *testing.T, m *ck.Mechanism) []byte {
	p.must(t, p.app.EncryptInit(p.h, m, p.aes))
	n, err := p.app.Encrypt(p.h, p.src, p.dst)
	p.must(t, err)
	return p.dst[:n]
}

func (p *hotpath) decrypt(t *testing.T, m *ck.Mechanism, sealed []byte) {
	p.must(t, p.app.DecryptInit(p.h, m, p.aes))
	_, err := p.app.Decrypt(p.h, sealed, p.dst)
	p.must(t, err)
}

// hotMechanisms are the ciphers, and how often an operation may allocate: once for the
// state of a mode of hsm/crypto/aes; CTR also for its place in the key stream, how to make
// that anew, and the operation.
var hotMechanisms = map[string]struct {
	*ck.Mechanism
	most float64
}{
	"GCM": {&ck.Mechanism{Type: ck.CKM_AES_GCM, Param: &ck.GCMParams{IV: make([]byte, 12), TagBits: 128}}, 0},
	"CBC": {&ck.Mechanism{Type: ck.CKM_AES_CBC, Param: &ck.BytesParam{Bytes: make([]byte, 16)}}, 1},
	"CTR": {&ck.Mechanism{Type: ck.CKM_AES_CTR, Param: &ck.CTRParams{Bits: 128}}, 4},
	"ECB": {&ck.Mechanism{Type: ck.CKM_AES_ECB}, 1},
}

func TestHotPathOfCiphers(t *testing.T) {
	p := newHotpath(t)
	for name, c := range hotMechanisms {
		sealed := slices.Clone(p.encrypt(t, c.Mechanism))
		allocates(t, name+" encryption", c.most, func() { p.encrypt(t, c.Mechanism) })
		allocates(t, name+" decryption", c.most, func() { p.decrypt(t, c.Mechanism, sealed) })
	}
}

// What is found is a list, which is the search's own.
const foundList = 1

func TestHotPath(t *testing.T) {
	p := newHotpath(t)
	sha, hmac := &ck.Mechanism{Type: ck.CKM_SHA256}, &ck.Mechanism{Type: ck.CKM_SHA256_HMAC}
	allocates(t, "digest", 0, func() {
		p.must(t, p.app.DigestInit(p.h, sha))
		_, err := p.app.Digest(p.h, p.src, p.dst)
		p.must(t, err)
	})
	allocates(t, "HMAC", 0, func() {
		p.must(t, p.app.SignInit(p.h, hmac, p.mac))
		n, err := p.app.Sign(p.h, p.src, p.dst)
		p.must(t, err)
		p.tag = p.dst[:n]
	})
	allocates(t, "verification of HMAC", 0, func() {
		p.must(t, p.app.VerifyInit(p.h, hmac, p.mac))
		p.must(t, p.app.Verify(p.h, p.src, p.tag))
	})
	allocates(t, "random", 0, func() { p.must(t, p.app.GenerateRandom(p.h, p.dst)) })
	template, found := ck.Template{ck.String(ck.CKA_LABEL, "hot")}, make([]ck.ObjectHandle, 4)
	allocates(t, "search", foundList, func() {
		p.must(t, p.app.FindObjectsInit(p.h, template))
		n, err := p.app.FindObjects(p.h, found)
		p.must(t, err)
		if n != 2 {
			t.Fatal(n)
		}
		p.must(t, p.app.FindObjectsFinal(p.h))
	})
	attributes := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_LABEL}}, {Attribute: ck.Attribute{Type: ck.CKA_CLASS}}}
	allocates(t, "attributes", 0, func() { p.must(t, p.app.GetAttributeValue(p.h, p.aes, attributes)) })
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
