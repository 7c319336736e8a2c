package rsa

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"math/big"
	"testing"
)

var schemeHashes = []crypto.Hash{crypto.SHA256, crypto.SHA1, crypto.SHA512, crypto.SHA3_256}

// FuzzUnpad compares decryption by PKCS #1 v1.5 and by OAEP with crypto/rsa: of encoded
// messages whose padding is data, with one byte changed. Neither may take what the other
// refuses.
func FuzzUnpad(f *testing.F) {
	key := testKeyOf(f, 2048)
	raw, err := NewPrivateKey(key)
	if err != nil {
		f.Fatal(err)
	}
	for _, scheme := range []uint8{0, 1, 3, 5, 7, 9} {
		f.Add(scheme, uint16(0), uint8(0), []byte("\x00\x00\x01message"))
		f.Add(scheme, uint16(5), uint8(1), []byte("\x01"))
		f.Add(scheme, uint16(1), uint8(0), []byte("\xff\xff\xff\xff\xff\xff\xff\xff\x00message"))
	}
	f.Fuzz(func(t *testing.T, scheme uint8, at uint16, damage uint8, data []byte) {
		em := bytes.Repeat([]byte{0xaa}, key.Size())
		em[0] = 0
		var decrypt func(c []byte) ([]byte, error)
		var opts any
		if scheme%2 == 0 {
			em[1] = 2
			copy(em[2:], data)
			em[int(at)%len(em)] ^= damage
			decrypt, opts = raw.DecryptPKCS1v15, &rsa.PKCS1v15DecryptOptions{}
		} else {
			h, mgf := schemeHashes[scheme/2%4], schemeHashes[scheme/8%4]
			o := OAEP{h.New, mgf.New, data[:min(len(data), 3)]}
			o.encodeWith(em, data, int(at)%len(em), damage)
			decrypt = func(c []byte) ([]byte, error) { return o.Decrypt(raw, c) }
			opts = &rsa.OAEPOptions{Hash: h, MGFHash: mgf, Label: o.Label}
		}
		m := new(big.Int).SetBytes(em)
		m.Mod(m, key.N)
		c := m.Exp(m, big.NewInt(int64(key.E)), key.N).FillBytes(make([]byte, key.Size()))
		got, err := decrypt(c)
		want, wantErr := key.Decrypt(nil, c, opts)
		if (err == nil) != (wantErr == nil) || !bytes.Equal(got, want) {
			t.Errorf("%x: %x, %v, want %x, %v", em, got, err, want, wantErr)
		}
	})
}

// encodeWith makes EM of RFC 8017, section 7.1.1, of what is in em: where the hash of the
// label is, and behind it padding, is filled in, one byte changed, then it is masked.
func (o OAEP) encodeWith(em, padding []byte, at int, damage byte) {
	h := o.Hash()
	h.Write(o.Label)
	seed, db := em[1:1+h.Size()], em[1+h.Size():]
	copy(db[copy(db, h.Sum(nil)):], padding)
	em[at] ^= damage
	xorMGF1(db, seed, o.MGF())
	xorMGF1(seed, db, o.MGF())
}

// FuzzVerifyPSS compares the verification of encoded messages, with one byte changed and
// another length of the salt claimed, with crypto/rsa: with a key that is a bit longer than
// whole bytes too.
func FuzzVerifyPSS(f *testing.F) {
	keys := []*rsa.PrivateKey{
		testKeyOf(f, 2048),
		keyOf(f, near{521, -1}.prime(), primeFrom([]byte{0}, 504, 65537)), // 1025 bits
	}
	var raw []*PrivateKey
	for _, key := range keys {
		k, err := NewPrivateKey(key)
		if err != nil {
			f.Fatal(err)
		}
		raw = append(raw, k)
	}
	for i := range uint8(8) {
		f.Add(i, uint8(31), uint8(31), uint16(0), uint8(0), []byte("salt"))
		f.Add(i, uint8(255), uint8(255), uint16(i), i, []byte{0})
	}
	f.Add(uint8(0), uint8(31), uint8(31), uint16(100), uint8(1), []byte("a byte of the padding"))
	f.Add(uint8(0), uint8(31), uint8(31), uint16(190), uint8(2), []byte("the one behind it"))
	f.Add(uint8(0), uint8(31), uint8(30), uint16(0), uint8(0), []byte("a salt that is longer"))
	f.Fuzz(func(t *testing.T, which, salt, claimed uint8, at uint16, damage uint8, data []byte) {
		key, k, h := keys[which%2], raw[which%2], schemeHashes[which/2%4]
		bits := key.N.BitLen()
		most := MaxSalt(bits, h.Size())
		if most < 1 {
			return
		}
		signed := PSS{h.New, h.New, 1 + int(salt)%most} // 0 is any length for crypto/rsa
		claims := PSS{h.New, h.New, 1 + int(claimed)%most}
		digest, salted := make([]byte, h.Size()), make([]byte, signed.SaltLen)
		copy(digest, data)
		copy(salted, data)
		em := make([]byte, emLen(bits))
		if err := signed.encode(em, bits, digest, salted); err != nil {
			t.Fatal(err)
		}
		em[int(at)%len(em)] ^= damage
		sig, err := k.Decrypt(em)
		if err != nil {
			return // it is not below n
		}
		err = claims.Verify(&k.PublicKey, digest, sig)
		want := rsa.VerifyPSS(&key.PublicKey, h, digest, sig, &rsa.PSSOptions{SaltLength: claims.SaltLen})
		if (err == nil) != (want == nil) {
			t.Errorf("%s, salt of %d, %d claimed, %x: %v, want %v", h, signed.SaltLen, claims.SaltLen, em, err, want)
		}
	})
}
