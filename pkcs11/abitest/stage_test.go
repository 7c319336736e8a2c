package abitest

import (
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// stage is what the rows of the table of conditions need: sessions of every kind,
// keys, mechanisms and memory. A handle or an address does not change, so that it
// can stand in a row.
type stage struct {
	*token
	ro, async       uintptr // sessions like h, read-only and asynchronous
	other           uintptr // the slot of another token, on which nobody is logged in
	public, readPub uintptr // its sessions, read-write and read-only
	third, newcomer uintptr // the slot of a token without a user, and a session there
	blank           uintptr // the slot without a token

	aes, idle, secret   uintptr // AES keys: of all uses, of none, and sensitive
	hmac, ctx           uintptr // a generic secret; an RSA key that asks for a login each time
	pub, priv           uintptr // an RSA pair
	mute, muted         uintptr // an RSA pair without a use
	kemPub, kemPriv     uintptr
	tiny, tinyPriv      uintptr // an RSA pair of 1024 bits
	long                uintptr // a generic secret longer than any mechanism takes
	data, fixed, locked uintptr // data objects: one that may not be copied or destroyed, one that may not be changed

	ecb, cbc, gcm, sha, rsa, mac, kwp, kem, keyGen, rsaGen, kemGen, ecGen, oaep uintptr
	messages                                                                    uintptr // CKM_AES_GCM without a parameter

	in, box, out uintptr // data, and room for an output, of 512 bytes
	plain        []byte
}

// newStage makes the keys in the sessions that it opens.
func newStage(t *testing.T) *stage {
	s := &stage{token: open(t)}
	s.other, s.third = s.newToken(), s.newToken()
	s.blank = s.lastSlot()
	s.newcomer = s.session(s.third, ck.CKF_SERIAL_SESSION|ck.CKF_RW_SESSION)
	s.giveUser(s.other)
	ro, async, rw := ck.CKF_SERIAL_SESSION, ck.CKF_SERIAL_SESSION|ck.CKF_RW_SESSION|ck.CKF_ASYNC_SESSION, ck.CKF_SERIAL_SESSION|ck.CKF_RW_SESSION
	s.ro, s.async = s.session(shared.slot, ro), s.session(shared.slot, async)
	s.public, s.readPub = s.session(s.other, rw), s.session(s.other, ro)
	s.mechanisms()
	s.secretKeys()
	s.keyPairs()
	no := ck.Bool(ck.CKA_PRIVATE, false)
	class := ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA)
	s.data = s.create(class, no)
	s.fixed = s.create(class, no, ck.Bool(ck.CKA_COPYABLE, false), ck.Bool(ck.CKA_DESTROYABLE, false))
	s.locked = s.create(class, no, ck.Bool(ck.CKA_MODIFIABLE, false))
	s.plain = s.Bytes(512, 'p')
	s.in, s.box, s.out = Address(s.plain), Address(s.Bytes(512, 0)), Address(s.Bytes(512, 0))
	return s
}

func (s *stage) mechanisms() {
	iv := make([]byte, 16)
	s.ecb, s.cbc = s.mechanism(ck.CKM_AES_ECB, nil), s.mechanism(ck.CKM_AES_CBC, iv)
	s.gcm = s.mechanism(ck.CKM_AES_GCM, s.gcmParams(true, iv[:12], nil))
	s.sha, s.rsa, s.mac = s.mechanism(ck.CKM_SHA256, nil), s.mechanism(ck.CKM_RSA_PKCS, nil), s.mechanism(ck.CKM_SHA256_HMAC, nil)
	s.kwp, s.kem = s.mechanism(ck.CKM_AES_KEY_WRAP_KWP, nil), s.mechanism(ck.CKM_ML_KEM, nil)
	s.keyGen, s.rsaGen = s.mechanism(ck.CKM_AES_KEY_GEN, nil), s.mechanism(ck.CKM_RSA_PKCS_KEY_PAIR_GEN, nil)
	s.kemGen, s.ecGen = s.mechanism(ck.CKM_ML_KEM_KEY_PAIR_GEN, nil), s.mechanism(ck.CKM_EC_KEY_PAIR_GEN, nil)
	s.oaep = s.mechanism(ck.CKM_RSA_PKCS_OAEP, s.Ulongs(uintptr(ck.CKM_SHA512), uintptr(ck.CKG_MGF1_SHA512), uintptr(ck.CKZ_DATA_SPECIFIED), 0, 0)) // too much for 1024 bits
	s.messages = s.mechanism(ck.CKM_AES_GCM, nil)
}

func (s *stage) secretKeys() {
	s.aes = s.aesKey()
	aes := []ck.Attribute{ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.Bytes(ck.CKA_VALUE, make([]byte, 16))}
	s.idle = s.create(append(aes, s.uses(false)...)...)
	s.secret = s.create(append(aes, ck.Bool(ck.CKA_SENSITIVE, true), ck.Bool(ck.CKA_EXTRACTABLE, false))...)
	s.hmac, s.long = s.generic(32), s.generic(9000)
}

// generic makes a generic secret that can be read.
func (s *stage) generic(n int) uintptr {
	return s.create(ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET), ck.Bytes(ck.CKA_VALUE, make([]byte, n)), ck.Bool(ck.CKA_PRIVATE, false),
		ck.Bool(ck.CKA_SIGN, true), ck.Bool(ck.CKA_VERIFY, true), ck.Bool(ck.CKA_DERIVE, true), ck.Bool(ck.CKA_EXTRACTABLE, true), ck.Bool(ck.CKA_SENSITIVE, false))
}

// smallPair brings in an RSA pair of 1024 bits.
func (s *stage) smallPair() (pub, priv uintptr) {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		s.Fatal(err)
	}
	n, e := ck.Bytes(ck.CKA_MODULUS, key.N.Bytes()), ck.Bytes(ck.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1})
	kind := ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_RSA)
	pub = s.create(ck.Ulong(ck.CKA_CLASS, ck.CKO_PUBLIC_KEY), kind, n, e, ck.Bool(ck.CKA_ENCRYPT, true), ck.Bool(ck.CKA_WRAP, true), ck.Bool(ck.CKA_VERIFY, true))
	priv = s.create(ck.Ulong(ck.CKA_CLASS, ck.CKO_PRIVATE_KEY), kind, n, e, ck.Bytes(ck.CKA_PRIVATE_EXPONENT, key.D.Bytes()),
		ck.Bytes(ck.CKA_PRIME_1, key.Primes[0].Bytes()), ck.Bytes(ck.CKA_PRIME_2, key.Primes[1].Bytes()), ck.Bytes(ck.CKA_EXPONENT_1, key.Precomputed.Dp.Bytes()),
		ck.Bytes(ck.CKA_EXPONENT_2, key.Precomputed.Dq.Bytes()), ck.Bytes(ck.CKA_COEFFICIENT, key.Precomputed.Qinv.Bytes()),
		ck.Bool(ck.CKA_DECRYPT, true), ck.Bool(ck.CKA_UNWRAP, true), ck.Bool(ck.CKA_EXTRACTABLE, true), ck.Bool(ck.CKA_SENSITIVE, false))
	return pub, priv
}

// at does something with another session in the place of h.
func (s *stage) at(h uintptr, do func()) {
	before := s.h
	defer func() { s.h = before }()
	s.h = h
	do()
}

// uses is every use of a secret key, on or off.
func (s *stage) uses(on bool) []ck.Attribute {
	var all []ck.Attribute
	for _, t := range []ck.AttributeType{ck.CKA_ENCRYPT, ck.CKA_DECRYPT, ck.CKA_SIGN, ck.CKA_VERIFY, ck.CKA_WRAP, ck.CKA_UNWRAP, ck.CKA_DERIVE} {
		all = append(all, ck.Bool(t, on))
	}
	return all
}

func (s *stage) keyPairs() {
	s.pub, s.priv = s.rsaKeys()
	bits := ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048))
	off := func(types ...ck.AttributeType) []ck.Attribute {
		var all []ck.Attribute
		for _, t := range types {
			all = append(all, ck.Bool(t, false))
		}
		return all
	}
	s.mute, s.muted = s.pair(s.rsaGen, append(off(ck.CKA_ENCRYPT, ck.CKA_VERIFY, ck.CKA_VERIFY_RECOVER, ck.CKA_WRAP), bits),
		off(ck.CKA_DECRYPT, ck.CKA_SIGN, ck.CKA_SIGN_RECOVER, ck.CKA_UNWRAP))
	_, s.ctx = s.pair(s.rsaGen, []ck.Attribute{bits}, []ck.Attribute{ck.Bool(ck.CKA_ALWAYS_AUTHENTICATE, true), ck.Bool(ck.CKA_SIGN, true),
		ck.Bool(ck.CKA_EXTRACTABLE, true), ck.Bool(ck.CKA_SENSITIVE, false),
		ck.Bool(ck.CKA_DECRYPT, true), ck.Bool(ck.CKA_SIGN_RECOVER, true), ck.Bool(ck.CKA_PRIVATE, true)})
	s.kemPub, s.kemPriv = s.mlkemPair()
	s.tiny, s.tinyPriv = s.smallPair()
}

// pair makes a pair of session keys.
func (s *stage) pair(mech uintptr, public, private []ck.Attribute) (pub, priv uintptr) {
	s.Helper()
	p, np := s.template(public...)
	q, nq := s.template(private...)
	h := s.Ulongs(0, 0)
	s.ok("C_GenerateKeyPair", s.h, mech, p, np, q, nq, Address(h), Address(h)+8)
	return uintptr(h.At(0)), uintptr(h.At(1))
}

// session opens a session, which ends with the test.
func (s *stage) session(slot uintptr, flags ck.Flags) uintptr {
	s.Helper()
	h := s.Ulongs(0)
	s.ok("C_OpenSession", slot, uintptr(flags), 0, 0, Address(h))
	n := uintptr(h.At(0))
	s.Cleanup(func() { s.call("C_CloseSession", n) })
	return n
}

// newToken makes a token on the blank slot, and returns its slot.
func (s *stage) newToken() uintptr {
	slot, so := s.lastSlot(), s.pin(soPIN)
	s.ok("C_InitToken", slot, so[0], so[1], Address(s.Bytes(32, ' ')))
	return slot
}

// lastSlot is the blank one.
func (s *stage) lastSlot() uintptr {
	slots, n := s.Ulongs(make([]uintptr, 16)...), s.Ulongs(16)
	s.ok("C_GetSlotList", 1, 0, s.room(0))
	s.ok("C_GetSlotList", 1, Address(slots), Address(n))
	return uintptr(slots.At(int(n.At(0)) - 1))
}

// giveUser gives the token in slot a user.
func (s *stage) giveUser(slot uintptr) {
	so, user, h := s.pin(soPIN), s.pin(userPIN), s.Ulongs(0)
	s.ok("C_OpenSession", slot, uintptr(ck.CKF_SERIAL_SESSION|ck.CKF_RW_SESSION), 0, 0, Address(h))
	s.ok("C_Login", uintptr(h.At(0)), uintptr(ck.CKU_SO), so[0], so[1])
	s.ok("C_InitPIN", uintptr(h.At(0)), user[0], user[1])
	s.ok("C_CloseSession", uintptr(h.At(0)))
}

// pin is a PIN's address and length.
func (k *token) pin(text string) []uintptr {
	return []uintptr{Address(k.Copy([]byte(text))), uintptr(len(text))}
}
