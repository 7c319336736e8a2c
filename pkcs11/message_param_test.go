package main

import (
	"reflect"
	"testing"
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// readMessage reads v, a C structure, as the parameter of a message.
func readMessage[T any](v *T) (*ck.MessageParams, error) {
	return messageParams(cPointer(unsafe.Pointer(v)), cUlong(unsafe.Sizeof(*v)))
}

func TestMessageParams(t *testing.T) {
	nonce, tag := make([]byte, 24), make([]byte, 16)
	gcm := cGCMMessage{pIv: bytePointer(nonce), ulIvLen: 12, ulIvFixedBits: 32, ivGenerator: 2, pTag: bytePointer(tag), ulTagBits: 96}
	ccm := cCCMMessage{ulDataLen: 9, pNonce: bytePointer(nonce), ulNonceLen: 7, ulNonceFixedBits: 8, nonceGenerator: 1, pMAC: bytePointer(tag), ulMACLen: 4}
	poly := cChaChaMessage{pNonce: bytePointer(nonce), ulNonceLen: 96, pTag: bytePointer(tag)}
	long := cChaChaMessage{pNonce: bytePointer(nonce), ulNonceLen: 24}
	for name, c := range map[string]struct {
		read func() (*ck.MessageParams, error)
		want ck.MessageParams
	}{
		"GCM": {func() (*ck.MessageParams, error) { return readMessage(&gcm) },
			ck.MessageParams{Kind: ck.GCMMessage, Nonce: nonce[:12], FixedBits: 32, Generator: 2, Tag: tag[:12], TagSize: 12}},
		"CCM": {func() (*ck.MessageParams, error) { return readMessage(&ccm) },
			ck.MessageParams{Kind: ck.CCMMessage, Nonce: nonce[:7], FixedBits: 8, Generator: 1, Tag: tag[:4], TagSize: 4, DataLen: 9}},
		"a nonce in bits": {func() (*ck.MessageParams, error) { return readMessage(&poly) },
			ck.MessageParams{Kind: ck.ChaCha20Poly1305Message, Nonce: nonce[:12], Tag: tag, TagSize: 16}},
		"a nonce in bytes, no tag": {func() (*ck.MessageParams, error) { return readMessage(&long) },
			ck.MessageParams{Kind: ck.ChaCha20Poly1305Message, Nonce: nonce, TagSize: 16}},
	} {
		got, err := c.read()
		if err != nil || !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
			continue
		}
		got.Nonce[0]++ // it is the caller's own memory
		if got.Tag != nil {
			got.Tag[0]++
		}
	}
	if nonce[0] != 4 || tag[0] != 3 {
		t.Errorf("%x and %x were copied", nonce, tag)
	}
}

// TestMessageParamsRefuses has wrong lengths of the structure and inside it.
func TestMessageParamsRefuses(t *testing.T) {
	mem := make([]byte, 64)     // all NULL inside
	for n := range cUlong(64) { // of 24 bytes, a nonce of nothing
		_, err := messageParams(pointer(&mem[0]), n)
		if ok := n == 0 || n == 48 || n == 56; (err == nil) != ok || !ok && err != errParam {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	for _, n := range []cUlong{1, 48, unavailable} {
		if _, err := messageParams(nil, n); err != errParam {
			t.Errorf("NULL of %d bytes: %v", n, err)
		}
	}
	nonce := make([]byte, 12)
	for name, c := range map[string]cGCMMessage{
		"NULL with a length": {ulIvLen: 12, ulTagBits: 128},
		"a wild nonce":       {pIv: bytePointer(nonce), ulIvLen: unavailable, ulTagBits: 128},
		"a wild tag":         {pIv: bytePointer(nonce), ulIvLen: 12, ulTagBits: unavailable - 7},
		"bits of a tag":      {pIv: bytePointer(nonce), ulIvLen: 12, ulTagBits: 127},
	} {
		if p, err := readMessage(&c); err != errParam {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	for _, n := range []cUlong{0, 1, 16, 128, unavailable} {
		c := cChaChaMessage{pNonce: bytePointer(nonce), ulNonceLen: n}
		if p, err := readMessage(&c); err != errParam {
			t.Errorf("a nonce of %d: %+v, %v", n, p, err)
		}
	}
}
