package slots_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// benchWorld is the real module with the user logged in, in a read-write session.
func benchWorld(b testing.TB) (*world, ck.SessionHandle) {
	w := newWorld(openModule(b))
	b.Cleanup(func() { _ = w.app.Finalize() })
	if err := w.setup(args{}); err != nil {
		b.Fatal(err)
	}
	h := open(b, w.app, "rw")
	if err := w.app.Login(h, ck.CKU_USER, []byte("userpin")); err != nil {
		b.Fatal(err)
	}
	return w, h
}

// The path that clients take most, with the real module under it.
func BenchmarkModuleGCM(b *testing.B) {
	w, h := benchWorld(b)
	key, err := w.app.GenerateKey(h, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, ck.Template{
		ck.Ulong[uint64](ck.CKA_VALUE_LEN, 16), ck.Bool(ck.CKA_ENCRYPT, true),
	})
	if err != nil {
		b.Fatal(err)
	}
	m := &ck.Mechanism{Type: ck.CKM_AES_GCM, Param: &ck.GCMParams{IV: make([]byte, 12), TagBits: 128}}
	src, dst := make([]byte, 16), make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		if err := w.app.EncryptInit(h, m, key); err != nil {
			b.Fatal(err)
		}
		if _, err := w.app.Encrypt(h, src, dst); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkModuleDigest(b *testing.B) {
	w, h := benchWorld(b)
	m := &ck.Mechanism{Type: ck.CKM_SHA256}
	src, dst := make([]byte, 64), make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		if err := w.app.DigestInit(h, m); err != nil {
			b.Fatal(err)
		}
		if _, err := w.app.Digest(h, src, dst); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkModuleHMAC(b *testing.B) {
	w, h := benchWorld(b)
	key, err := w.app.GenerateKey(h, &ck.Mechanism{Type: ck.CKM_GENERIC_SECRET_KEY_GEN}, ck.Template{
		ck.Ulong[uint64](ck.CKA_VALUE_LEN, 32), ck.Bool(ck.CKA_SIGN, true),
	})
	if err != nil {
		b.Fatal(err)
	}
	m := &ck.Mechanism{Type: ck.CKM_SHA256_HMAC}
	src, dst := make([]byte, 64), make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		if err := w.app.SignInit(h, m, key); err != nil {
			b.Fatal(err)
		}
		if _, err := w.app.Sign(h, src, dst); err != nil {
			b.Fatal(err)
		}
	}
}

// keyTemplate is that of an AES session key whose value is given.
func keyTemplate() ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY),
		ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES),
		ck.Bool(ck.CKA_TOKEN, false),
		ck.Bool(ck.CKA_PRIVATE, true),
		ck.Bool(ck.CKA_ENCRYPT, true),
		ck.String(ck.CKA_LABEL, "short-lived"),
		ck.Bytes(ck.CKA_VALUE, make([]byte, 32)),
	}
}

// To make a session key and destroy it takes few pieces of memory: the object, whose
// encoding is that of all keys of the template, the secret, and what finds them by handle.
func TestCreateDestroyAllocatesLittle(t *testing.T) {
	w, h := benchWorld(t)
	create := func() (ck.ObjectHandle, error) { return w.app.CreateObject(h, keyTemplate()) }
	template := testing.AllocsPerRun(100, func() { keyTemplate() })
	generate := func() (ck.ObjectHandle, error) {
		return w.app.GenerateKey(h, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, ck.Template{ck.Ulong[uint64](ck.CKA_VALUE_LEN, 32)})
	}
	for _, c := range []struct {
		name string
		make func() (ck.ObjectHandle, error)
		most float64
	}{
		{"CreateObject", create, template + 6},
		{"GenerateKey", generate, 12},
	} {
		got := testing.AllocsPerRun(1000, func() {
			o, err := c.make()
			if err != nil {
				t.Fatal(err)
			}
			if err := w.app.DestroyObject(h, o); err != nil {
				t.Fatal(err)
			}
		})
		if got > c.most && !raceDetector {
			t.Errorf("%s and DestroyObject allocate %v times, at most %v", c.name, got, c.most)
		}
	}
}

func BenchmarkModuleCreateDestroy(b *testing.B) {
	w, h := benchWorld(b)
	t := keyTemplate()
	b.ReportAllocs()
	for b.Loop() {
		o, err := w.app.CreateObject(h, t)
		if err != nil {
			b.Fatal(err)
		}
		if err := w.app.DestroyObject(h, o); err != nil {
			b.Fatal(err)
		}
	}
}

// Each key has another label, as those of a program that names them have.
func BenchmarkModuleCreateDestroyNamed(b *testing.B) {
	w, h := benchWorld(b)
	t := keyTemplate()
	label := []byte("short-lived 00000000")
	for i := range t {
		if t[i].Type == ck.CKA_LABEL {
			t[i].Value = label
		}
	}
	b.ReportAllocs()
	for n := uint32(0); b.Loop(); n++ {
		binary.LittleEndian.PutUint32(label[12:], n)
		o, err := w.app.CreateObject(h, t)
		if err != nil {
			b.Fatal(err)
		}
		if err := w.app.DestroyObject(h, o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkModuleGenerateDestroy(b *testing.B) {
	w, h := benchWorld(b)
	m := &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}
	t := ck.Template{ck.Ulong[uint64](ck.CKA_VALUE_LEN, 32), ck.Bool(ck.CKA_ENCRYPT, true)}
	b.ReportAllocs()
	for b.Loop() {
		o, err := w.app.GenerateKey(h, m, t)
		if err != nil {
			b.Fatal(err)
		}
		if err := w.app.DestroyObject(h, o); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkModuleCipher is the one-shot encryption and decryption of a few bytes.
func BenchmarkModuleCipher(b *testing.B) {
	for name, c := range hotCiphers {
		p := newHotpath(b)
		key := p.generate(b, c.generation)
		sealed := slices.Clone(p.encrypt(b, c.Mechanism, key))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.encrypt(b, c.Mechanism, key)
				p.decrypt(b, c.Mechanism, key, sealed)
			}
		})
	}
}

func BenchmarkModuleFind(b *testing.B) {
	p := newHotpath(b)
	template, found := ck.Template{ck.String(ck.CKA_LABEL, "hot")}, make([]ck.ObjectHandle, 4)
	b.ReportAllocs()
	for b.Loop() {
		p.must(b, p.app.FindObjectsInit(p.h, template))
		_, err := p.app.FindObjects(p.h, found)
		p.must(b, err)
		p.must(b, p.app.FindObjectsFinal(p.h))
	}
}
