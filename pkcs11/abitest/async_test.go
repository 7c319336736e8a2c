package abitest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"sync"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"golang.org/x/sys/unix"
)

// openAsync gives a test an asynchronous session.
func openAsync(t *testing.T) *token {
	k := open(t)
	h := k.Ulongs(0)
	k.ok("C_OpenSession", shared.slot, uintptr(ck.CKF_SERIAL_SESSION|ck.CKF_RW_SESSION|ck.CKF_ASYNC_SESSION), 0, 0, Address(h))
	k.ok("C_CloseSession", k.h)
	k.h = uintptr(h.At(0))
	return k
}

// named is the name of a function as C has it.
func (k *token) named(function string) uintptr { return Address(k.Copy(append([]byte(function), 0))) }

// complete calls C_AsyncComplete until the call is done.
func (k *token) complete(function string, result Words) ck.RV {
	k.Helper()
	name := k.named(function)
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(time.Millisecond) {
		before := bytes.Clone(result)
		rv := k.call("C_AsyncComplete", k.h, name, Address(result))
		if rv != ck.CKR_PENDING {
			return rv
		}
		if !bytes.Equal(before, result) {
			k.Fatalf("CKR_PENDING changed the result to %x", result)
		}
	}
	k.Fatal("pending for ever")
	return 0
}

// asyncData is a CK_ASYNC_DATA, filled with what nobody would write there.
func (k *token) asyncData() Words { return k.Ulongs(0, 0xEE, 0xEE, 0xEE, 0xEE) }

func TestAsyncTold(t *testing.T) {
	k := openAsync(t)
	info := k.Bytes(208, 0)
	k.ok("C_GetTokenInfo", shared.slot, Address(info))
	if flags := Words(info[96:]).At(0); flags&uint64(ck.CKF_ASYNC_SESSION_SUPPORTED) == 0 {
		t.Errorf("token flags %#x", flags)
	}
	session := k.Ulongs(0, 0, 0, 0)
	k.ok("C_GetSessionInfo", k.h, Address(session))
	if want := ck.CKF_SERIAL_SESSION | ck.CKF_RW_SESSION | ck.CKF_ASYNC_SESSION; session.At(2) != uint64(want) {
		t.Errorf("session flags %#x", session.At(2))
	}
	k.want(ck.CKR_SESSION_PARALLEL_NOT_SUPPORTED, "C_OpenSession", shared.slot, uintptr(ck.CKF_RW_SESSION|ck.CKF_ASYNC_SESSION), 0, 0, Address(session))
}

// TestAsyncSign signs in the background with a pair made in the background. The
// input is gone as soon as the call has returned, and the length of the output is
// not asked for again.
func TestAsyncSign(t *testing.T) {
	k := openAsync(t)
	pub, nPub := k.template(ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048)), ck.Bytes(ck.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}), ck.Bool(ck.CKA_VERIFY, true))
	priv, nPriv := k.template(ck.Bool(ck.CKA_SIGN, true))
	mech, handles := k.mechanism(ck.CKM_RSA_PKCS_KEY_PAIR_GEN, nil), k.Ulongs(0xEE, 0xEE)
	k.want(ck.CKR_PENDING, "C_GenerateKeyPair", k.h, mech, pub, nPub, priv, nPriv, Address(handles), Address(handles)+8)
	k.want(ck.CKR_OPERATION_ACTIVE, "C_GenerateKeyPair", k.h, mech, pub, nPub, priv, nPriv, Address(handles), Address(handles)+8)
	keys := k.asyncData()
	if rv := k.complete("C_GenerateKeyPair", keys); rv != ck.CKR_OK || keys.At(1) != 0 || keys.At(2) != 0 || handles.At(0) != 0xEE {
		t.Fatalf("%v, %x, handles %x", rv, keys, handles)
	}
	public, private := uintptr(keys.At(3)), uintptr(keys.At(4))

	rsa := k.mechanism(ck.CKM_SHA256_RSA_PKCS, nil)
	in, out, n := k.Copy([]byte("data")), k.Bytes(300, 0xEE), k.Ulongs(0)
	k.ok("C_SignInit", k.h, rsa, private)
	k.ok("C_Sign", k.h, Address(in), 4, 0, Address(n))
	n.Set(0, 255)
	k.want(ck.CKR_BUFFER_TOO_SMALL, "C_Sign", k.h, Address(in), 4, Address(out), Address(n))
	if n.At(0) != 256 {
		t.Errorf("%d bytes", n.At(0))
	}
	n.Set(0, 300)
	k.want(ck.CKR_PENDING, "C_Sign", k.h, Address(in), 4, Address(out), Address(n))
	copy(in, "XXXX")
	n.Set(0, 0xEE)
	result := k.asyncData()
	if rv := k.complete("C_Sign", result); rv != ck.CKR_OK || uintptr(result.At(1)) != Address(out) || result.At(2) != 256 || result.At(3)|result.At(4) != 0 {
		t.Fatalf("%v, %x", rv, result)
	}
	if n.At(0) != 0xEE || !bytes.Equal(out[256:], bytes.Repeat([]byte{0xEE}, 44)) {
		t.Errorf("length %d, behind the signature %x", n.At(0), out[256:])
	}
	copy(in, "data")
	k.ok("C_VerifyInit", k.h, rsa, public)
	k.ok("C_Verify", k.h, Address(in), 4, Address(out), 256)
}

// TestAsyncArguments: a bad argument leaves the call pending, and a failure tells
// where the buffer is.
func TestAsyncArguments(t *testing.T) {
	k := openAsync(t)
	sign, id := k.named("C_Sign"), k.Ulongs(0)
	k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_AsyncComplete", k.h, sign, Address(k.asyncData()))
	k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_AsyncGetID", k.h, sign, Address(id))
	k.want(ck.CKR_SAVED_STATE_INVALID, "C_AsyncJoin", k.h, sign, 1, 0, 0)
	key := k.create(ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET),
		ck.Bytes(ck.CKA_VALUE, []byte("0123456789abcdef")), ck.Bool(ck.CKA_SIGN, true))
	out, n := k.Bytes(32, 0), k.Ulongs(32)
	k.ok("C_SignInit", k.h, k.mechanism(ck.CKM_SHA256_HMAC, nil), key)
	k.want(ck.CKR_PENDING, "C_Sign", k.h, Address(k.Copy([]byte("abc"))), 3, Address(out), Address(n))
	for _, args := range [][]uintptr{
		{0, Address(k.asyncData())}, {sign, 0}, {sign, Address(k.Ulongs(1, 0, 0, 0, 0))},
	} {
		k.want(ck.CKR_ARGUMENTS_BAD, "C_AsyncComplete", append([]uintptr{k.h}, args...)...)
	}
	for _, other := range []string{"", "C_Sig", "C_Sign ", "C_SignFinal", "C_SignFinal" + string(make([]byte, 100))} {
		k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_AsyncComplete", k.h, k.named(other), Address(k.asyncData()))
	}
	endless := k.Bytes(4096, 'x')
	k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_AsyncComplete", k.h, Address(endless), Address(k.asyncData()))
	k.want(ck.CKR_GENERAL_ERROR, "C_AsyncComplete", k.h, Address(endless)+4090, Address(k.asyncData()))
	k.want(ck.CKR_ARGUMENTS_BAD, "C_AsyncGetID", k.h, sign, 0)
	k.want(ck.CKR_OPERATION_ACTIVE, "C_Sign", k.h, 0, 1, 0, 0)
	if rv := k.complete("C_Sign", k.asyncData()); rv != ck.CKR_OK {
		t.Fatal(rv)
	}
	mac := hmac.New(sha256.New, []byte("0123456789abcdef"))
	mac.Write([]byte("abc"))
	if !bytes.Equal(out, mac.Sum(nil)) {
		t.Errorf("signature %x", out)
	}
	k.lyingInput(key, Address(out), Address(n))
}

// lyingInput says that the input is longer than its memory.
func (k *token) lyingInput(key, out, n uintptr) {
	k.Helper()
	before := mostMapped(k.T)
	for length, rv := range map[uintptr]ck.RV{1 << 29: ck.CKR_GENERAL_ERROR, 1 << 46: ck.CKR_HOST_MEMORY, 1 << 63: ck.CKR_DATA_LEN_RANGE} {
		k.ok("C_SignInit", k.h, k.mechanism(ck.CKM_SHA256_HMAC, nil), key)
		k.want(rv, "C_Sign", k.h, Address(k.Bytes(16, 0)), length, out, n)
		k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_Sign", k.h, out, 1, out, n)
	}
	if after := mostMapped(k.T); after-before > 1<<28 {
		k.Errorf("%d MiB were mapped for it", (after-before)>>20)
	}
}

// TestAsyncBufferGone: a caller that has given its buffer back is a fault, which ends
// the call and nothing else.
func TestAsyncBufferGone(t *testing.T) {
	k := openAsync(t)
	key := k.create(ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET),
		ck.Bytes(ck.CKA_VALUE, []byte("0123456789abcdef")), ck.Bool(ck.CKA_SIGN, true))
	out, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(out)
	k.ok("C_SignInit", k.h, k.mechanism(ck.CKM_SHA256_HMAC, nil), key)
	k.want(ck.CKR_PENDING, "C_Sign", k.h, Address(k.Bytes(3, 0)), 3, Address(out), Address(k.Ulongs(32)))
	if err := unix.Mprotect(out, unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	if rv := k.complete("C_Sign", k.asyncData()); rv != ck.CKR_GENERAL_ERROR {
		t.Error(rv)
	}
	k.ok("C_SignInit", k.h, k.mechanism(ck.CKM_SHA256_HMAC, nil), key)
}

// TestAsyncSaved saves a call, closes its session and joins it with another buffer;
// the first one is the caller's again by then.
func TestAsyncSaved(t *testing.T) {
	k := openAsync(t)
	key := k.create(ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET),
		ck.Bytes(ck.CKA_VALUE, []byte("0123456789abcdef")), ck.Bool(ck.CKA_SIGN, true))
	sign, id, first := k.named("C_Sign"), k.Ulongs(0), k.Bytes(32, 0xEE)
	k.ok("C_SignInit", k.h, k.mechanism(ck.CKM_SHA256_HMAC, nil), key)
	k.want(ck.CKR_PENDING, "C_Sign", k.h, Address(k.Copy([]byte("abc"))), 3, Address(first), Address(k.Ulongs(32)))
	k.ok("C_AsyncGetID", k.h, sign, Address(id))
	k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_AsyncComplete", k.h, sign, Address(k.asyncData()))

	other := openAsync(t)
	out, number := k.Bytes(32, 0), uintptr(id.At(0))
	join := func(id uintptr, out uintptr, n uintptr) ck.RV {
		return other.call("C_AsyncJoin", other.h, sign, id, out, n)
	}
	for _, c := range []struct {
		id, out, n uintptr
		rv         ck.RV
	}{
		{number ^ 2, Address(out), 32, ck.CKR_SAVED_STATE_INVALID},
		{0, Address(out), 32, ck.CKR_SAVED_STATE_INVALID},
		{number, Address(out), 31, ck.CKR_BUFFER_TOO_SMALL},
		{number, 0, 32, ck.CKR_ARGUMENTS_BAD},
		{number, Address(out), 1 << 63, ck.CKR_ARGUMENTS_BAD},
		{number, Address(out), 32, ck.CKR_OK},
		{number, Address(out), 32, ck.CKR_SAVED_STATE_INVALID},
	} {
		if rv := join(c.id, c.out, c.n); rv != c.rv {
			t.Errorf("%+v: %v", c, rv)
		}
	}
	result := k.asyncData()
	if rv := other.complete("C_Sign", result); rv != ck.CKR_OK || uintptr(result.At(1)) != Address(out) || result.At(2) != 32 {
		t.Fatalf("%v, %x", rv, result)
	}
	mac := hmac.New(sha256.New, []byte("0123456789abcdef"))
	mac.Write([]byte("abc"))
	if !bytes.Equal(out, mac.Sum(nil)) || !bytes.Equal(first, bytes.Repeat([]byte{0xEE}, 32)) {
		t.Errorf("%x, and %x in the first buffer", out, first)
	}
}

// TestAsyncThreads has many asynchronous sessions at once, of which every other one
// is closed with its call pending.
func TestAsyncThreads(t *testing.T) {
	k := open(t)
	key := k.create(ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET),
		ck.Bytes(ck.CKA_VALUE, []byte("0123456789abcdef")), ck.Bool(ck.CKA_SIGN, true))
	mac := hmac.New(sha256.New, []byte("0123456789abcdef"))
	mac.Write([]byte("abc"))
	want := mac.Sum(nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 20 {
				k := &token{T: t, Memory: &Memory{}, lib: shared.lib}
				h, out := k.Ulongs(0), k.Bytes(32, 0)
				k.call("C_OpenSession", shared.slot, uintptr(ck.CKF_SERIAL_SESSION|ck.CKF_ASYNC_SESSION), 0, 0, Address(h))
				k.h = uintptr(h.At(0))
				k.call("C_SignInit", k.h, k.mechanism(ck.CKM_SHA256_HMAC, nil), key)
				rv := k.call("C_Sign", k.h, Address(k.Copy([]byte("abc"))), 3, Address(out), Address(k.Ulongs(32)))
				if rv != ck.CKR_PENDING {
					t.Error(rv)
				}
				if i%2 == 0 {
					for rv == ck.CKR_PENDING {
						rv = k.call("C_AsyncComplete", k.h, k.named("C_Sign"), Address(k.asyncData()))
					}
					if rv != ck.CKR_OK || !bytes.Equal(out, want) {
						t.Errorf("%v, %x", rv, out)
					}
				}
				if rv := k.call("C_CloseSession", k.h); rv != ck.CKR_OK {
					t.Error(rv)
				}
				k.Free()
			}
		})
	}
	wg.Wait()
}
