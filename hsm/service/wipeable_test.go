package service

import (
	"sync"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// wipedUses are the computations with private keys.
var wipedUses = []struct {
	name     string
	generate ck.MechanismType
	public   ck.Template
	use      ck.Mechanism
	input    int // bytes
}{
	{"Ed25519", ck.CKM_EC_EDWARDS_KEY_PAIR_GEN, ck.Template{edwards25519Name}, ck.Mechanism{Type: ck.CKM_EDDSA}, 20},
	{"ECDSA", ck.CKM_EC_KEY_PAIR_GEN, ck.Template{p256Params}, ck.Mechanism{Type: ck.CKM_ECDSA}, 32},
	{"RSA, padded", ck.CKM_RSA_PKCS_KEY_PAIR_GEN, rsa2048Bits, ck.Mechanism{Type: ck.CKM_RSA_PKCS}, 32},
	{"RSA, bare", ck.CKM_RSA_PKCS_KEY_PAIR_GEN, rsa2048Bits, ck.Mechanism{Type: ck.CKM_RSA_X_509}, 32},
}

var (
	edwards25519Name = ck.Bytes(ck.CKA_EC_PARAMS, append([]byte{0x13, 12}, "edwards25519"...))
	p256Params       = ck.Bytes(ck.CKA_EC_PARAMS, []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7})
	rsa2048Bits      = ck.Template{ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048))}
)

// A key is wiped while other threads sign with it: what they get is a signature
// that is right or the answer that the key is gone. Under the race detector this is
// also the test that nothing is computed with half a key.
func TestWipedWhileInUse(t *testing.T) {
	for _, test := range wipedUses {
		gen, _ := Lookup(test.generate)
		sign, _ := Lookup(test.use.Type)
		public, private, err := gen.GenerateKeyPair(&ck.Mechanism{Type: test.generate}, test.public, nil)
		if err != nil {
			t.Fatal(test.name, err)
		}
		key, pub := newKeyFrom(private), newKeyFrom(public)
		input := make([]byte, test.input)
		var wg sync.WaitGroup
		for range 4 {
			op, err := sign.Sign(key, &test.use)
			if err != nil {
				t.Fatal(test.name, err)
			}
			wg.Go(func() { signUntilWiped(t, test.name, op, sign, pub, &test.use, input) })
		}
		key.Zero()
		wg.Wait()
	}
}

func signUntilWiped(t *testing.T, name string, op api.Signer, m *Mechanism, pub *Key, use *ck.Mechanism, input []byte) {
	for range 1000 {
		sig := make([]byte, 512)
		n, err := op.OneShot(sig, input)
		if err != nil {
			if ck.Code(err) != ck.CKR_USER_NOT_LOGGED_IN {
				t.Errorf("%s: a wiped key: %v", name, err)
			}
			return
		}
		v, err := m.Verify(pub, use)
		if err == nil {
			err = v.OneShot(input, sig[:n])
		}
		if err != nil {
			t.Errorf("%s: a signature made while the key was wiped: %v", name, err)
			return
		}
	}
	t.Errorf("%s: a wiped key goes on signing", name)
}
