package slots_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/soak"
	"github.com/coffer-hsm/coffer/slots"
)

// worker is a thread of TestThreadsTogether with a session of its own; its keys are
// public ones, which stay whoever logs in or out.
type worker struct {
	app            *slots.App
	h, async       ck.SessionHandle
	aes, mac       ck.ObjectHandle
	public, secret ck.ObjectHandle // of ML-KEM
	name           string
	shared         ck.ObjectHandle // a token object that all change
}

var (
	aesECB  = &ck.Mechanism{Type: ck.CKM_AES_ECB}
	aesGCM  = &ck.Mechanism{Type: ck.CKM_AES_GCM}
	aesKWP  = &ck.Mechanism{Type: ck.CKM_AES_KEY_WRAP_KWP}
	hmacSHA = &ck.Mechanism{Type: ck.CKM_SHA256_HMAC}
	sha256m = &ck.Mechanism{Type: ck.CKM_SHA256}
	mlkem   = &ck.Mechanism{Type: ck.CKM_ML_KEM}
	derive  = &ck.Mechanism{Type: ck.CKM_SHA256_KEY_DERIVATION}
)

// readable is a secret key that everybody may use, and read.
func readable(kind ck.KeyType, more ...ck.Attribute) ck.Template {
	return append(ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, kind), ck.Bool(ck.CKA_PRIVATE, false),
		ck.Bool(ck.CKA_SENSITIVE, false), ck.Bool(ck.CKA_EXTRACTABLE, true), ck.Bool(ck.CKA_TOKEN, false),
	}, more...)
}

func on(types ...ck.AttributeType) (t ck.Template) {
	for _, a := range types {
		t = append(t, ck.Bool(a, true))
	}
	return t
}

func newWorker(t *testing.T, a *slots.App, i int, shared ck.ObjectHandle) *worker {
	w := &worker{app: a, h: open(t, a, "rw"), async: open(t, a, "async"), name: fmt.Sprint("thread ", i), shared: shared}
	key := bytes.Repeat([]byte{byte(i)}, 16)
	var err error
	w.aes, err = a.CreateObject(w.h, readable(ck.CKK_AES, append(on(ck.CKA_ENCRYPT, ck.CKA_DECRYPT, ck.CKA_WRAP, ck.CKA_UNWRAP), ck.Bytes(ck.CKA_VALUE, key))...))
	if err != nil {
		t.Fatal(err)
	}
	w.mac, err = a.CreateObject(w.h, readable(ck.CKK_GENERIC_SECRET, append(on(ck.CKA_SIGN, ck.CKA_VERIFY, ck.CKA_DERIVE), ck.Bytes(ck.CKA_VALUE, append(key, key...)))...))
	if err != nil {
		t.Fatal(err)
	}
	no := ck.Bool(ck.CKA_PRIVATE, false)
	w.public, w.secret, err = a.GenerateKeyPair(w.h, &ck.Mechanism{Type: ck.CKM_ML_KEM_KEY_PAIR_GEN},
		ck.Template{ck.Ulong[uint64](ck.CKA_PARAMETER_SET, ck.CKP_ML_KEM_768), no}, ck.Template{no})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// jobs are what the threads do, each of them complete in itself and with a result that
// is known.
var jobs = map[string]func(*worker) error{
	"messages":    (*worker).messages,
	"signing":     (*worker).signMessage,
	"dual":        (*worker).dual,
	"encapsulate": (*worker).encapsulate,
	"wrap":        (*worker).wrap,
	"sealed":      (*worker).wrapAuthenticated,
	"derive":      (*worker).derive,
	"async":       (*worker).background,
	"objects":     (*worker).objects,
	"attributes":  (*worker).attributes,
	"search":      (*worker).search,
	"state":       (*worker).state,
	"sessions":    (*worker).sessions,
}

// TestThreadsTogether has sixteen threads on one partition of the real module: fifteen
// do all the jobs, the last one logs in and out and makes private objects.
func TestThreadsTogether(t *testing.T) {
	a := newWorldOn(t, openModule(t))
	h := open(t, a, "rw")
	shared, err := a.CreateObject(h, ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA), ck.Bool(ck.CKA_TOKEN, true), ck.Bool(ck.CKA_PRIVATE, false)})
	if err != nil {
		t.Fatal(err)
	}
	workers := make([]*worker, threads)
	for i := range workers {
		workers[i] = newWorker(t, a, i, shared)
	}
	until := time.Now().Add(soak.Or(time.Minute, 4*time.Second))
	together(func(i int) {
		w, rounds := workers[i], 0
		for ; time.Now().Before(until); rounds++ {
			if i == 0 {
				if err := w.logins(); err != nil {
					t.Error("logins:", err)
				}
				continue
			}
			for name, job := range jobs { // in another order each time
				if err := job(w); err != nil {
					t.Errorf("%s, %s: %v", w.name, name, err)
					return
				}
			}
		}
		if rounds == 0 {
			t.Errorf("%s did nothing", w.name)
		}
	})
	if info, err := a.GetTokenInfo(1); err != nil || info.Sessions != 2*threads+1 {
		t.Errorf("%d sessions are left, %v", info.Sessions, err)
	}
}

// differ is nil if a call went well and what came out is as it should be.
func differ(err error, got, want []byte) error {
	if err == nil && !bytes.Equal(got, want) {
		return fmt.Errorf("%x, want %x", got, want)
	}
	return err
}

func (w *worker) messages() error {
	text, p := []byte("a message of "+w.name), gcmMessage()
	p.Generator = ck.CKG_GENERATE
	if err := errors.Join(w.app.MessageEncryptInit(w.h, aesGCM, w.aes), w.app.MessageDecryptInit(w.h, aesGCM, w.aes)); err != nil {
		return err
	}
	box, back := make([]byte, len(text)), make([]byte, len(text))
	if _, err := w.app.EncryptMessage(w.h, p, text[:4], text, box); err != nil {
		return err
	}
	if err := w.app.DecryptMessageBegin(w.h, p, text[:4]); err != nil {
		return err
	}
	_, err := w.app.DecryptMessageNext(w.h, p, box, back, true)
	return errors.Join(differ(err, back, text), w.app.MessageEncryptFinal(w.h), w.app.MessageDecryptFinal(w.h))
}

func (w *worker) signMessage() error {
	sig := make([]byte, 32)
	if err := errors.Join(w.app.MessageSignInit(w.h, hmacSHA, w.mac), w.app.SignMessageBegin(w.h, nil), w.app.SignMessageNext(w.h, nil, []byte("one, "))); err != nil {
		return err
	}
	if _, err := w.app.SignMessageEnd(w.h, nil, []byte("two"), sig); err != nil {
		return err
	}
	return errors.Join(w.app.MessageSignFinal(w.h), w.app.MessageVerifyInit(w.h, hmacSHA, w.mac),
		w.app.VerifyMessage(w.h, nil, []byte("one, two"), sig), w.app.MessageVerifyFinal(w.h))
}

func (w *worker) dual() error {
	if err := errors.Join(w.app.DigestInit(w.h, sha256m), w.app.EncryptInit(w.h, aesECB, w.aes)); err != nil {
		return err
	}
	box, sum, back := make([]byte, 32), make([]byte, 32), make([]byte, 32)
	if _, err := w.app.DigestEncryptUpdate(w.h, make([]byte, 32), box); err != nil {
		return err
	}
	if _, err := w.app.DigestFinal(w.h, sum); err != nil {
		return err
	}
	err := errors.Join(w.app.EncryptInit(w.h, nil, 0), w.app.DecryptInit(w.h, aesECB, w.aes), w.app.DigestInit(w.h, sha256m))
	if err != nil {
		return err
	}
	if _, err := w.app.DecryptDigestUpdate(w.h, box, back); err != nil {
		return err
	}
	again := make([]byte, 32)
	_, err = w.app.DigestFinal(w.h, again)
	return errors.Join(differ(err, append(back, again...), append(make([]byte, 32), sum...)), w.app.DecryptInit(w.h, nil, 0))
}

// made destroys what a job has made.
func (w *worker) made(err error, keys ...ck.ObjectHandle) error {
	for _, k := range keys {
		if err == nil {
			err = w.app.DestroyObject(w.h, k)
		}
	}
	return err
}

// value reads a key.
func (w *worker) value(key ck.ObjectHandle) []byte { return attributeOf(w.app, w.h, key, ck.CKA_VALUE) }

func (w *worker) encapsulate() error {
	text, tmpl := make([]byte, 1088), readable(ck.CKK_AES)
	_, one, err := w.app.EncapsulateKey(w.h, mlkem, w.public, tmpl, text)
	if err != nil {
		return err
	}
	two, err := w.app.DecapsulateKey(w.h, mlkem, w.secret, ck.Template{ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.Bool(ck.CKA_PRIVATE, false)}, text)
	if err != nil {
		return err
	}
	if len(w.value(one)) != 32 || w.value(two) != nil {
		err = fmt.Errorf("%d bytes here, %d there", len(w.value(one)), len(w.value(two)))
	}
	return w.made(err, one, two)
}

func (w *worker) wrap() error {
	out := make([]byte, 64)
	n, err := w.app.WrapKey(w.h, aesKWP, w.aes, w.mac, out)
	if err != nil {
		return err
	}
	key, err := w.app.UnwrapKey(w.h, aesKWP, w.aes, out[:n], readable(ck.CKK_GENERIC_SECRET))
	return w.made(differ(err, w.value(key), w.value(w.mac)), key)
}

func (w *worker) wrapAuthenticated() error {
	m, out := sealing(), make([]byte, 64)
	n, err := w.app.WrapKeyAuthenticated(w.h, m, w.aes, w.mac, []byte("x"), out)
	if err != nil {
		return err
	}
	key, err := w.app.UnwrapKeyAuthenticated(w.h, m, w.aes, out[:n], []byte("x"), readable(ck.CKK_GENERIC_SECRET))
	return w.made(differ(err, w.value(key), w.value(w.mac)), key)
}

func (w *worker) derive() error {
	one, err := w.app.DeriveKey(w.h, derive, w.mac, readable(ck.CKK_AES, ck.Ulong(ck.CKA_VALUE_LEN, uint64(16))))
	if err != nil {
		return err
	}
	two, err := w.app.DeriveKey(w.h, derive, w.mac, readable(ck.CKK_AES, ck.Ulong(ck.CKA_VALUE_LEN, uint64(16))))
	if err != nil {
		return err
	}
	return w.made(differ(nil, w.value(one), w.value(two)), one, two)
}

// background signs in an asynchronous session, and makes a key there, half of the time
// to cancel it.
func (w *worker) background() error {
	out := make([]byte, 32)
	if err := w.app.SignInit(w.async, hmacSHA, w.mac); err != nil {
		return err
	}
	if _, err := w.app.Sign(w.async, []byte(w.name), out); ck.Code(err) != ck.CKR_PENDING {
		return fmt.Errorf("not in the background: %w", err)
	}
	for {
		_, err := w.app.AsyncComplete(w.async, "C_Sign")
		if ck.Code(err) == ck.CKR_PENDING {
			time.Sleep(time.Millisecond)
			continue
		}
		if err != nil {
			return err
		}
		break
	}
	if err := errors.Join(w.app.VerifyInit(w.h, hmacSHA, w.mac), w.app.Verify(w.h, []byte(w.name), out)); err != nil {
		return err
	}
	_, err := w.app.GenerateKey(w.async, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, readable(ck.CKK_AES, ck.Ulong(ck.CKA_VALUE_LEN, uint64(16))))
	if ck.Code(err) != ck.CKR_PENDING {
		return err
	}
	return w.app.SessionCancel(w.async, ck.CKF_GENERATE)
}

// objects makes a token object, changes it and destroys it.
func (w *worker) objects() error {
	o, err := w.app.CreateObject(w.h, ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA), ck.Bool(ck.CKA_TOKEN, true), ck.Bool(ck.CKA_PRIVATE, false), ck.String(ck.CKA_LABEL, w.name)})
	if err != nil {
		return err
	}
	err = w.app.SetAttributeValue(w.h, o, ck.Template{ck.String(ck.CKA_LABEL, w.name+"!")})
	copied, copyErr := w.app.CopyObject(w.h, o, ck.Template{ck.Bool(ck.CKA_TOKEN, false)})
	if copyErr != nil {
		return copyErr
	}
	return w.made(differ(err, attributeOf(w.app, w.h, copied, ck.CKA_LABEL), []byte(w.name+"!")), o, copied)
}

// attributes changes an object that all threads change: it has the whole of what one of
// them wrote.
func (w *worker) attributes() error {
	if err := w.app.SetAttributeValue(w.h, w.shared, ck.Template{ck.String(ck.CKA_LABEL, w.name), ck.String(ck.CKA_APPLICATION, w.name)}); err != nil {
		return err
	}
	if label := attributeOf(w.app, w.h, w.shared, ck.CKA_LABEL); !bytes.HasPrefix(label, []byte("thread ")) {
		return fmt.Errorf("the label is %q", label)
	}
	return nil
}

func (w *worker) search() error {
	if err := w.app.FindObjectsInit(w.h, ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA)}); err != nil {
		return err
	}
	found := make([]ck.ObjectHandle, 64)
	n, err := w.app.FindObjects(w.h, found)
	if err == nil && n == 0 {
		err = errors.New("not even the object of all")
	}
	return errors.Join(err, w.app.FindObjectsFinal(w.h))
}

func (w *worker) state() error {
	if err := errors.Join(w.app.DigestInit(w.h, sha256m), w.app.DigestUpdate(w.h, []byte("one, "))); err != nil {
		return err
	}
	saved := make([]byte, 4096)
	n, err := w.app.GetOperationState(w.h, saved)
	if err != nil {
		return err
	}
	if err := errors.Join(w.app.DigestInit(w.h, nil), w.app.SetOperationState(w.h, saved[:n], 0, 0)); err != nil {
		return err
	}
	_, err = w.app.DigestFinal(w.h, make([]byte, 32))
	return err
}

func (w *worker) sessions() error {
	h, err := w.app.OpenSession(1, openFlags["rw"])
	if err != nil {
		return err
	}
	err = w.app.GenerateRandom(h, make([]byte, 16))
	return errors.Join(err, w.app.CloseSession(h))
}

// logins is a login, a private key, a signature and a logout, after which the key is gone.
func (w *worker) logins() error {
	if err := w.app.Login(w.h, ck.CKU_USER, []byte("userpin")); err != nil {
		return err
	}
	key, err := w.app.CreateObject(w.h, append(on(ck.CKA_PRIVATE, ck.CKA_SIGN), ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY),
		ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET), ck.Bytes(ck.CKA_VALUE, make([]byte, 32))))
	if err != nil {
		return err
	}
	if err := w.app.SignInit(w.h, hmacSHA, key); err != nil {
		return err
	}
	if err := errors.Join(w.app.SignUpdate(w.h, []byte("x")), w.app.Logout(w.h)); err != nil {
		return err
	}
	if _, err := w.app.SignFinal(w.h, make([]byte, 32)); ck.Code(err) != ck.CKR_OPERATION_NOT_INITIALIZED {
		return fmt.Errorf("after the logout: %w", err)
	}
	return nil
}
