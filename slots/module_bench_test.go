package slots_test

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// The path that clients take most, with the real module under it.
func BenchmarkModuleGCM(b *testing.B) {
	w := newWorld(openModule(b))
	b.Cleanup(func() { _ = w.app.Finalize() })
	if err := w.setup(args{}); err != nil {
		b.Fatal(err)
	}
	h := open(b, w.app, "rw")
	if err := w.app.Login(h, ck.CKU_USER, []byte("userpin")); err != nil {
		b.Fatal(err)
	}
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
