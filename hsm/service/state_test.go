package service

import (
	"bytes"
	"cmp"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// takenUp saves op, which m has started, spoils it, and returns one that start
// makes of what was saved.
func takenUp[O api.Operation](t *testing.T, m *ck.Mechanism, op O, start func(*ck.Mechanism) (O, error)) O {
	t.Helper()
	saved, err := SaveOperation(m, op)
	if err != nil {
		t.Fatalf("%v: %v", m.Type, err)
	}
	op.Close()
	read, state, err := SavedMechanism(saved)
	if err != nil {
		t.Fatalf("%v: %v", m.Type, err)
	}
	back, err := start(read)
	if err != nil {
		t.Fatalf("%v: %v", m.Type, err)
	}
	if err := RestoreOperation(back, state); err != nil {
		t.Fatalf("%v: %v", m.Type, err)
	}
	clear(saved) // nothing of it may be in use
	return back
}

// keyed is the Init of a mechanism with its key.
func keyed[O any](init func(*Key, *ck.Mechanism) (O, error), k *Key) func(*ck.Mechanism) (O, error) {
	return func(m *ck.Mechanism) (O, error) { return init(k, m) }
}

func started[O any](t *testing.T, start func(*ck.Mechanism) (O, error), m *ck.Mechanism) O {
	t.Helper()
	op, err := start(m)
	if err != nil {
		t.Fatalf("%v: %v", m.Type, err)
	}
	return op
}

// stateCuts are places in 250 bytes of data, those around blocks of hashes and
// ciphers among them.
var stateCuts = []int{0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 200, 250}

// Every digest goes on from where it was saved.
func TestSavedDigests(t *testing.T) {
	data := randomBytes(250)
	for i := range hashes {
		h := &hashes[i]
		m, start := &ck.Mechanism{Type: h.digest}, mechanism(t, h.digest).Digest
		want, got := make([]byte, h.size), make([]byte, h.size)
		if _, err := started(t, start, m).OneShot(want, data); err != nil {
			t.Fatal(err)
		}
		for _, cut := range append(stateCuts, h.block-1, h.block) {
			d := started(t, start, m)
			d.Update(data[:cut])
			d = takenUp(t, m, d, start)
			d.Update(data[cut:])
			if n, err := d.Final(got); n != h.size || err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v, cut at %d: %x, want %x (%v)", h.digest, cut, got, want, err)
			}
		}
	}
}

// So does every MAC, made and verified.
func TestSavedMACs(t *testing.T) {
	data := randomBytes(250)
	for m, k := range macs(t) {
		reg := mechanism(t, m.Type)
		sign, verify := keyed(reg.Sign, k), keyed(reg.Verify, k)
		want := justEnough(t, func(dst []byte) (int, error) { return started(t, sign, m).OneShot(dst, data) })
		for _, cut := range stateCuts {
			s, v := started(t, sign, m), started(t, verify, m)
			s.Update(data[:cut])
			v.Update(data[:cut])
			s, v = takenUp(t, m, s, sign), takenUp(t, m, v, verify)
			s.Update(data[cut:])
			v.Update(data[cut:])
			if got := justEnough(t, s.Final); !bytes.Equal(got, want) {
				t.Errorf("%v, cut at %d: %x, want %x", m.Type, cut, got, want)
			}
			if err := v.Final(want); err != nil {
				t.Errorf("%v, cut at %d: %v", m.Type, cut, err)
			}
		}
	}
}

// So does every signature, with a hash and without.
func TestSavedSignatures(t *testing.T) {
	for _, c := range asymmetricCases(t, func(m *Mechanism) bool { return m.Sign != nil }) {
		sign, verify := keyed(c.Sign, c.priv), keyed(c.Verify, c.pub)
		ms := []*ck.Mechanism{c.m}
		if c.m.Type == ck.CKM_EDDSA {
			ms = append(ms, &ck.Mechanism{Type: c.m.Type, Param: &ck.EdDSAParams{PreHash: true, Context: []byte("context")}})
		}
		for _, m := range ms {
			s, v := started(t, sign, m), started(t, verify, m)
			s.Update(c.data[:9])
			v.Update(c.data[:9])
			s, v = takenUp(t, m, s, sign), takenUp(t, m, v, verify)
			s.Update(c.data[9:])
			v.Update(c.data[9:])
			sig := justEnough(t, s.Final)
			if err := started(t, verify, m).OneShot(c.data, sig); err != nil {
				t.Errorf("%v: %v", m.Type, err)
			}
			if err := v.Final(sig); err != nil {
				t.Errorf("%v: %v", m.Type, err)
			}
		}
	}
}

// savedModes are the ciphers that work in parts, with a key, and whether their
// encryption can be saved.
func savedModes(t *testing.T) []savedMode {
	aes, chacha := aesTestKey(t, 32), chachaTestKey(t)
	list := []savedMode{
		{ck.Mechanism{Type: ck.CKM_AES_CCM, Param: &ck.CCMParams{DataLen: 240, MACLen: 8, Nonce: testIV[:12], AAD: testIV}}, aes, false},
		{ck.Mechanism{Type: ck.CKM_CHACHA20, Param: &ck.ChaCha20Params{Counter: 7, Nonce: testIV[:12]}}, chacha, false},
		{ck.Mechanism{Type: ck.CKM_CHACHA20, Param: &ck.ChaCha20Params{Counter: 1<<40 - 4, Nonce: testIV[:8]}}, chacha, false}, // to the end of it
		{ck.Mechanism{Type: ck.CKM_CHACHA20_POLY1305, Param: &ck.ChaCha20Poly1305Params{Nonce: testIV[:12], AAD: testIV}}, chacha, false},
		{ck.Mechanism{Type: ck.CKM_AES_CTR, Param: &ck.CTRParams{Bits: 4, Block: [16]byte{15: 1}}}, aes, false}, // to the end of it
	}
	for _, md := range modes {
		stream := md.m.Type == ck.CKM_AES_CTR || md.m.Type == ck.CKM_AES_GCM
		list = append(list, savedMode{md.m, cmp.Or(md.key, aes), !stream})
	}
	return list
}

type savedMode struct {
	m        ck.Mechanism
	k        *Key
	encrypts bool
}

// Every cipher goes on from where it was saved, at every place, or answers that
// it cannot be saved: encryption with a key stream.
func TestSavedCiphers(t *testing.T) {
	plain := randomBytes(240)
	for _, md := range savedModes(t) {
		reg := mechanism(t, md.m.Type)
		sealed := justEnough(t, func(dst []byte) (int, error) {
			return started(t, keyed(reg.Encrypt, md.k), &md.m).OneShot(dst, plain)
		})
		checkSavedCipher(t, &md.m, keyed(reg.Decrypt, md.k), sealed, plain)
		if md.encrypts {
			checkSavedCipher(t, &md.m, keyed(reg.Encrypt, md.k), plain, sealed)
			continue
		}
		op := started(t, keyed(reg.Encrypt, md.k), &md.m)
		if _, err := SaveOperation(&md.m, op); ck.Code(err) != ck.CKR_STATE_UNSAVEABLE {
			t.Errorf("encryption by %v: %v", md.m.Type, err)
		}
		if err := RestoreOperation(op, make([]byte, 8)); ck.Code(err) != ck.CKR_SAVED_STATE_INVALID {
			t.Errorf("encryption by %v: %v", md.m.Type, err)
		}
	}
}

func checkSavedCipher(t *testing.T, m *ck.Mechanism, start func(*ck.Mechanism) (api.Cipher, error), in, want []byte) {
	t.Helper()
	for cut := range len(in) + 1 {
		got := make([]byte, len(in)+16)
		c := started(t, start, m)
		n, err := c.Update(got, in[:cut])
		if err != nil {
			t.Fatalf("%v: %v", m.Type, err)
		}
		c = takenUp(t, m, c, start)
		more, err := c.Update(got[n:], in[cut:])
		if err != nil {
			t.Fatalf("%v: %v", m.Type, err)
		}
		n += more
		last, err := c.Final(got[n:])
		if err != nil || !bytes.Equal(got[:n+last], want) {
			t.Fatalf("%v, cut at %d of %d: %x, want %x (%v)", m.Type, cut, len(in), got[:n+last], want, err)
		}
	}
}

// What has no parts is not saved, and neither is more than anybody should hold.
func TestUnsaveable(t *testing.T) {
	rsaPub, _ := rsaPair()
	aes := aesTestKey(t, 16)
	oaep := &ck.Mechanism{Type: ck.CKM_RSA_PKCS_OAEP, Param: asymmetricParam(mechanism(t, ck.CKM_RSA_PKCS_OAEP))}
	wrap := &ck.Mechanism{Type: ck.CKM_AES_KEY_WRAP}
	gcm := &ck.Mechanism{Type: ck.CKM_AES_GCM, Param: &ck.GCMParams{IV: testIV[:12], TagBits: 128}}
	long := started(t, keyed(mechanism(t, gcm.Type).Decrypt, aes), gcm)
	long.Update([]byte{}, make([]byte, maxSaved+1))
	for _, c := range []struct {
		m  *ck.Mechanism
		op api.Operation
	}{
		{oaep, started(t, keyed(mechanism(t, oaep.Type).Encrypt, rsaPub), oaep)},
		{wrap, started(t, keyed(mechanism(t, wrap.Type).Encrypt, aes), wrap)},
		{gcm, started(t, keyed(mechanism(t, gcm.Type).MessageDecrypt, aes), &ck.Mechanism{Type: ck.CKM_AES_GCM})},
		{gcm, long},
	} {
		if _, err := SaveOperation(c.m, c.op); ck.Code(err) != ck.CKR_STATE_UNSAVEABLE {
			t.Errorf("%v: %v", c.m.Type, err)
		}
		if err := RestoreOperation(c.op, nil); c.op != long && ck.Code(err) != ck.CKR_SAVED_STATE_INVALID {
			t.Errorf("%v: %v", c.m.Type, err)
		}
	}
}

// A state that was cut at any place is an error or an operation, and no panic.
func TestSavedStateCut(t *testing.T) {
	k := aesTestKey(t, 16)
	for _, md := range savedModes(t) {
		if md.k.attr(ck.CKA_KEY_TYPE)[0] != k.attr(ck.CKA_KEY_TYPE)[0] {
			continue
		}
		decrypt := keyed(mechanism(t, md.m.Type).Decrypt, k)
		op := started(t, decrypt, &md.m)
		op.Update(make([]byte, 64), make([]byte, 21))
		saved, err := SaveOperation(&md.m, op)
		if err != nil {
			t.Fatal(err)
		}
		for n := range saved {
			m, state, err := SavedMechanism(saved[:n])
			if err != nil {
				if ck.Code(err) != ck.CKR_SAVED_STATE_INVALID {
					t.Errorf("%v, %d bytes: %v", md.m.Type, n, err)
				}
				continue
			}
			op, err := decrypt(m)
			if err != nil {
				continue
			}
			if err := RestoreOperation(op, state); err != nil && ck.Code(err) != ck.CKR_SAVED_STATE_INVALID {
				t.Errorf("%v, %d bytes: %v", md.m.Type, n, err)
			}
		}
	}
}
