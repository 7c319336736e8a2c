package slots_test

import (
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// sequenceWords are the lines of scripts of which FuzzSequences makes conversations:
// such as have one answer, which the twin knows.
var sequenceWords = strings.Split(strings.TrimSpace(`
open s 1 rw
open t 1 ro
close s
close t
info s
info t
login s user userpin
login t user wrong
login s so sopin
logout s
logout t
set-pin s userpin userpin
init-pin s userpin
create s a aes value=0123456789abcdef -token -private +encrypt +decrypt -sensitive +extractable
create s k generic value=0123456789abcdef -token -private +sign +verify -sensitive +extractable
create s p generic value=0123456789abcdef -token +private +sign +verify
create s d data label=x value=y
create t d data +token label=x value=y
destroy s a
destroy t d
label s d
label t k
find-init s label=x
find-init t
find s 9
find t 9
find-final s
find-final t
encrypt-init s AES_ECB a
encrypt-init t AES_ECB a
encrypt-init s NULL
encrypt s x*16 16
encrypt s x*17 32
encrypt s x*16 15
encrypt s x*16 NULL
encrypt-update s x*16 16
encrypt-update s x*7 16
encrypt-final s 16
decrypt-init s AES_ECB a
decrypt s x*16 16
decrypt-update s x*16 32
decrypt-final s 32
digest-init s SHA256
digest-init t SHA256
digest s abc 32
digest s abc 31
digest-update s abc
digest-key s k
digest-final s 32
digest-final t NULL
sign-init s SHA256_HMAC k
sign-init s SHA256_HMAC p
sign-init t SHA256_HMAC p
sign s abc 32
sign-update s abc
sign-final s 32
verify-init s SHA256_HMAC k
verify s abc x*32
verify s abc x*31
verify-update s abc
verify-final s x*32
verify-signature-init s SHA256_HMAC k x*32
verify-signature s abc
verify-signature-final s
digest-encrypt-update s x*16 16
decrypt-digest-update s x*16 16
sign-encrypt-update s x*16 16
decrypt-verify-update s x*16 16
message-sign-init s SHA256_HMAC k
sign-message s abc 32
sign-message-begin s
sign-message-next s abc
sign-message-end s abc 32
message-sign-final s
state s saved
set-state s $saved
cancel s encrypt decrypt
cancel s sign digest find
refuse s sign
refuse s digest
close-all 1
`), "\n")

// FuzzSequences holds a conversation with the twin and with the real module: they give
// the same answers.
func FuzzSequences(f *testing.F) {
	index := map[string]byte{}
	for i, line := range sequenceWords {
		index[line] = byte(i)
	}
	for _, seed := range []string{
		"open s 1 rw|create s a aes value=0123456789abcdef -token -private +encrypt +decrypt -sensitive +extractable|encrypt-init s AES_ECB a|encrypt-update s x*7 16|encrypt s x*16 16|encrypt-final s 16",
		"open s 1 rw|login s user userpin|create s p generic value=0123456789abcdef -token +private +sign +verify|sign-init s SHA256_HMAC p|sign-update s abc|logout s|sign-final s 32|logout s",
		"open s 1 rw|create s d data label=x value=y|find-init s label=x|destroy t d|find s 9|find-final s|close-all 1|find s 9",
		"open s 1 rw|digest-init s SHA256|digest-update s abc|state s saved|digest-final s 32|set-state s $saved|digest-final s 32",
	} {
		var data []byte
		for line := range strings.SplitSeq(seed, "|") {
			data = append(data, index[line])
		}
		f.Add(data)
	}
	module := sequenceModule(f)
	f.Fuzz(func(t *testing.T, data []byte) { trySequence(t, module, data) })
}

// sequenceModule is the real module with a token, for all conversations.
func sequenceModule(t testing.TB) api.Module {
	module := openModule(t)
	t.Cleanup(func() { _ = module.Close() })
	if err := newWorld(shareModule{module}).setup(args{}); err != nil {
		t.Fatal(err)
	}
	return shareModule{module}
}

func trySequence(t testing.TB, module api.Module, data []byte) {
	simple, real := newWorld(new(twin)), newWorld(module)
	if err := simple.setup(args{}); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = simple.app.Finalize(), real.app.Finalize() }()
	var told []string
	for _, b := range data[:min(len(data), 40)] {
		line := sequenceWords[int(b)%len(sequenceWords)]
		want, got := simple.answer(t, line), real.answer(t, line)
		told = append(told, line+"  # "+want)
		if want != got {
			t.Fatalf("%s\nthe module says: %s", strings.Join(told, "\n"), got)
		}
	}
	real.tidy(t)
}

// shareModule is a module that stays open when an application ends.
type shareModule struct{ api.Module }

func (shareModule) Close() error { return nil }

// tidy destroys the token objects that a conversation has left behind.
func (w *world) tidy(t testing.TB) {
	h, err := w.app.OpenSession(1, openFlags["rw"])
	if err != nil {
		t.Fatal(err)
	}
	_ = w.app.SessionCancel(h, ^ck.Flags(0))
	_ = w.app.Logout(h)
	if err := w.app.Login(h, ck.CKU_USER, []byte("userpin")); err != nil {
		t.Fatal(err)
	}
	if err := w.app.FindObjectsInit(h, ck.Template{ck.Bool(ck.CKA_TOKEN, true), ck.String(ck.CKA_LABEL, "x")}); err != nil {
		t.Fatal(err)
	}
	found := make([]ck.ObjectHandle, 64)
	n, err := w.app.FindObjects(h, found)
	for _, o := range found[:n] {
		_ = w.app.DestroyObject(h, o)
	}
	if err != nil {
		t.Fatal(err)
	}
}
