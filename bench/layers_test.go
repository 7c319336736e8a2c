package bench

import (
	"fmt"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/service"
	"github.com/coffer-hsm/coffer/slots"
)

// A layer does a whole operation, from its start to the answer, on the keys that
// it was made with. The layers are, from below: primitive, service, partition, slots.
// The C ABI on top of them is the driver's (layers_rim_test.go).
type layer interface {
	encrypt(b *testing.B, k keyName, m *ck.Mechanism, dst, src []byte) error
	sign(b *testing.B, k keyName, m *ck.Mechanism, dst, src []byte) error
	digest(b *testing.B, m *ck.Mechanism, dst, src []byte) error
}

type keyName int

const (
	aes256 keyName = iota
	secret256
	p256
	rsa2048
	keyNames
)

// recipes say how the keys are made; those of pairs have a public part.
var recipes = [keyNames]struct {
	mechanism       ck.MechanismType
	kt              ck.KeyType
	public, private ck.Template
}{
	aes256: {ck.CKM_AES_KEY_GEN, ck.CKK_AES, nil, ck.Template{
		ck.Ulong[uint64](ck.CKA_VALUE_LEN, 32), ck.Bool(ck.CKA_ENCRYPT, true)}},
	secret256: {ck.CKM_GENERIC_SECRET_KEY_GEN, ck.CKK_GENERIC_SECRET, nil, ck.Template{
		ck.Ulong[uint64](ck.CKA_VALUE_LEN, 32), ck.Bool(ck.CKA_SIGN, true)}},
	p256: {ck.CKM_EC_KEY_PAIR_GEN, ck.CKK_EC,
		ck.Template{{Type: ck.CKA_EC_PARAMS, Value: []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}}},
		ck.Template{ck.Bool(ck.CKA_SIGN, true)}},
	rsa2048: {ck.CKM_RSA_PKCS_KEY_PAIR_GEN, ck.CKK_RSA,
		ck.Template{ck.Ulong[uint64](ck.CKA_MODULUS_BITS, 2048), {Type: ck.CKA_PUBLIC_EXPONENT, Value: []byte{1, 0, 1}}},
		ck.Template{ck.Bool(ck.CKA_SIGN, true)}},
}

// work is what the layers are given to do; the names are the driver's.
var work = []struct {
	name string
	size int
	run  func(l layer, b *testing.B, dst, src []byte) error
}{
	{"aes-256-gcm-16B", 16, encryptGCM},
	{"aes-256-gcm-16KiB", 16384, encryptGCM},
	{"sha256-64B", 64, func(l layer, b *testing.B, dst, src []byte) error { return l.digest(b, sha256, dst, src) }},
	{"hmac-sha256-64B", 64, signer(secret256, ck.CKM_SHA256_HMAC)},
	{"p256-sign", 32, signer(p256, ck.CKM_ECDSA)},
	{"rsa-2048-sign", 51, signer(rsa2048, ck.CKM_RSA_PKCS)},
}

var (
	gcm    = &ck.Mechanism{Type: ck.CKM_AES_GCM, Param: &ck.GCMParams{IV: make([]byte, 12), TagBits: 128}}
	sha256 = &ck.Mechanism{Type: ck.CKM_SHA256}
)

func encryptGCM(l layer, b *testing.B, dst, src []byte) error {
	return l.encrypt(b, aes256, gcm, dst, src)
}

func signer(k keyName, t ck.MechanismType) func(l layer, b *testing.B, dst, src []byte) error {
	m := &ck.Mechanism{Type: t}
	return func(l layer, b *testing.B, dst, src []byte) error { return l.sign(b, k, m, dst, src) }
}

// BenchmarkLayers has a line for each layer and operation, layer=... row=...,
// which benchstat can set side by side: benchstat -col /layer.
func BenchmarkLayers(b *testing.B) {
	_, session, app := newModule(b)
	abi := startCoffer(b, nil)
	layers := []struct {
		name string
		layer
	}{
		{"primitive", newPrimitiveLayer(b)},
		{"service", newServiceLayer(b)},
		{"partition", newPartitionLayer(b)},
		{"slots", newSlotsLayer(b, app, session)},
	}
	for _, w := range work {
		for _, l := range layers {
			b.Run(fmt.Sprintf("layer=%s/row=%s", l.name, w.name), func(b *testing.B) {
				src, dst := make([]byte, w.size), make([]byte, w.size+1024)
				b.SetBytes(int64(w.size))
				b.ReportAllocs()
				for b.Loop() {
					if err := w.run(l, b, dst, src); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run("layer=abi/row="+w.name, func(b *testing.B) { benchmarkABI(b, abi, w.name) })
	}
}

// serviceLayer is the mechanisms alone.
type serviceLayer struct{ keys [keyNames]*service.Key }

func newServiceLayer(b *testing.B) *serviceLayer {
	l := &serviceLayer{}
	for name, r := range recipes {
		reg := lookup(b, r.mechanism)
		class, made := ck.CKO_SECRET_KEY, ck.Template(nil)
		var err error
		if r.public == nil {
			made, err = reg.GenerateKey(&ck.Mechanism{Type: r.mechanism}, r.private)
		} else {
			class = ck.CKO_PRIVATE_KEY
			_, made, err = reg.GenerateKeyPair(&ck.Mechanism{Type: r.mechanism}, r.public, r.private)
		}
		check(b, err)
		o, m, err := object.New(object.Request{Origin: object.Generated, Mechanism: r.mechanism, Template: ck.Template{
			ck.Ulong(ck.CKA_CLASS, class), ck.Ulong(ck.CKA_KEY_TYPE, r.kt)}, Made: made})
		check(b, err)
		l.keys[name] = service.NewKey(o, m)
	}
	return l
}

func lookup(b *testing.B, t ck.MechanismType) *service.Mechanism {
	m, ok := service.Lookup(t)
	if !ok {
		b.Fatalf("%v is not registered", t)
	}
	return m
}

func (l *serviceLayer) encrypt(b *testing.B, k keyName, m *ck.Mechanism, dst, src []byte) error {
	return finishCipher(dst, src)(lookup(b, m.Type).Encrypt(l.keys[k], m))
}

func (l *serviceLayer) sign(b *testing.B, k keyName, m *ck.Mechanism, dst, src []byte) error {
	return finishSign(dst, src)(lookup(b, m.Type).Sign(l.keys[k], m))
}

func (l *serviceLayer) digest(b *testing.B, m *ck.Mechanism, dst, src []byte) error {
	return finishDigest(dst, src)(lookup(b, m.Type).Digest(m))
}

// partitionLayer adds the partition's rights and its look-up of keys.
type partitionLayer struct {
	api.Partition
	who  api.Caller
	keys [keyNames]api.ObjectID
}

func newPartitionLayer(b *testing.B) *partitionLayer {
	module, _, _ := newModule(b)
	l := &partitionLayer{Partition: module.Slots()[0].Partition}
	identity, err := l.Login(ck.CKU_USER, []byte(pin))
	check(b, err)
	l.who = api.Caller{Identity: identity, Session: 1 << 40, ReadWrite: true}
	for name, r := range recipes {
		m := &ck.Mechanism{Type: r.mechanism}
		if r.public == nil {
			l.keys[name], err = l.GenerateKey(l.who, m, r.private)
		} else {
			_, l.keys[name], err = l.GenerateKeyPair(l.who, m, r.public, r.private)
		}
		check(b, err)
	}
	return l
}

func (l *partitionLayer) encrypt(_ *testing.B, k keyName, m *ck.Mechanism, dst, src []byte) error {
	return finishCipher(dst, src)(l.Encrypt(l.who, m, l.keys[k]))
}

func (l *partitionLayer) sign(_ *testing.B, k keyName, m *ck.Mechanism, dst, src []byte) error {
	return finishSign(dst, src)(l.Sign(l.who, m, l.keys[k]))
}

func (l *partitionLayer) digest(_ *testing.B, m *ck.Mechanism, dst, src []byte) error {
	return finishDigest(dst, src)(l.Digest(m))
}

func finishCipher(dst, src []byte) func(api.Cipher, error) error {
	return func(op api.Cipher, err error) error {
		if err != nil {
			return err
		}
		defer op.Close()
		_, err = op.OneShot(dst, src)
		return err
	}
}

func finishSign(dst, src []byte) func(api.Signer, error) error {
	return func(op api.Signer, err error) error {
		if err != nil {
			return err
		}
		defer op.Close()
		_, err = op.OneShot(dst, src)
		return err
	}
}

func finishDigest(dst, src []byte) func(api.Digester, error) error {
	return func(op api.Digester, err error) error {
		if err != nil {
			return err
		}
		defer op.Close()
		_, err = op.OneShot(dst, src)
		return err
	}
}

// slotsLayer adds sessions, handles and active operations: all but the C ABI.
type slotsLayer struct {
	*slots.App
	session ck.SessionHandle
	keys    [keyNames]ck.ObjectHandle
}

func newSlotsLayer(b *testing.B, app *slots.App, session ck.SessionHandle) *slotsLayer {
	l := &slotsLayer{App: app, session: session}
	var err error
	for name, r := range recipes {
		m := &ck.Mechanism{Type: r.mechanism}
		if r.public == nil {
			l.keys[name], err = l.GenerateKey(session, m, r.private)
		} else {
			_, l.keys[name], err = l.GenerateKeyPair(session, m, r.public, r.private)
		}
		check(b, err)
	}
	return l
}

func (l *slotsLayer) encrypt(_ *testing.B, k keyName, m *ck.Mechanism, dst, src []byte) error {
	if err := l.EncryptInit(l.session, m, l.keys[k]); err != nil {
		return err
	}
	_, err := l.Encrypt(l.session, src, dst)
	return err
}

func (l *slotsLayer) sign(_ *testing.B, k keyName, m *ck.Mechanism, dst, src []byte) error {
	if err := l.SignInit(l.session, m, l.keys[k]); err != nil {
		return err
	}
	_, err := l.Sign(l.session, src, dst)
	return err
}

func (l *slotsLayer) digest(_ *testing.B, m *ck.Mechanism, dst, src []byte) error {
	if err := l.DigestInit(l.session, m); err != nil {
		return err
	}
	_, err := l.Digest(l.session, src, dst)
	return err
}
