package service

import (
	"bytes"
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// messages starts the operation of C_MessageEncryptInit or C_MessageDecryptInit.
func (s *scheme) messages(t *testing.T, d direction) api.MessageCipher {
	t.Helper()
	reg := mechanism(t, s.mt)
	start := reg.MessageEncrypt
	if d == decrypting {
		start = reg.MessageDecrypt
	}
	return must[api.MessageCipher](t)(start(s.key, &ck.Mechanism{Type: s.mt}))
}

// message is the parameter of a message of size bytes, with the caller's memory.
func (s *scheme) message(nonce, tag []byte, size int) *ck.MessageParams {
	return &ck.MessageParams{Kind: s.kind, Nonce: nonce, Tag: tag, TagSize: s.tag, DataLen: uint64(size)}
}

// steps is a message, whole or in parts, into buffers that are just long enough.
func steps(t *testing.T, c api.MessageCipher, p *ck.MessageParams, aad, src []byte, part int) (out []byte, err error) {
	t.Helper()
	if part == 0 {
		dst := make([]byte, len(src))
		n, err := c.Message(p, aad, dst, src)
		return dst[:n], err
	}
	if err := c.Begin(p, aad); err != nil {
		return nil, err
	}
	rest := src
	for len(rest) > part {
		out = append(out, justEnough(t, func(dst []byte) (int, error) { return c.Next(p, dst, rest[:part], false) })...)
		rest = rest[part:]
	}
	dst := make([]byte, len(src))
	n, err := c.Next(p, dst, rest, true)
	return append(out, dst[:n]...), err
}

// TestMessages sends many messages through one operation, whole and in parts.
func TestMessages(t *testing.T) {
	for _, s := range schemes(t) {
		t.Run(s.mt.String(), func(t *testing.T) {
			enc, dec := s.messages(t, encrypting), s.messages(t, decrypting)
			for n := range 70 {
				nonce, aad, plain := randomBytes(s.nonceSize), randomBytes(n%19), randomBytes(n)
				want := s.other.Seal(nil, nonce, plain, aad)
				for _, part := range []int{0, 1, 16, 33} {
					tag := make([]byte, s.tag)
					got, err := steps(t, enc, s.message(nonce, tag, n), aad, plain, part)
					if err != nil || !bytes.Equal(slices.Concat(got, tag), want) {
						t.Fatalf("%d bytes in parts of %d: %x + %x, %v; want %x", n, part, got, tag, err, want)
					}
					if got, err = steps(t, dec, s.message(nonce, tag, n), aad, got, part); err != nil || !bytes.Equal(got, plain) {
						t.Fatalf("back, in parts of %d: %x, %v; want %x", part, got, err, plain)
					}
				}
			}
			enc.Close()
			dec.Close()
		})
	}
}

// TestMessageInPlace has one buffer for the input and the output.
func TestMessageInPlace(t *testing.T) {
	for _, s := range schemes(t) {
		enc, dec := s.messages(t, encrypting), s.messages(t, decrypting)
		nonce, tag, plain := randomBytes(s.nonceSize), make([]byte, s.tag), randomBytes(50)
		buf := bytes.Clone(plain)
		p := s.message(nonce, tag, len(buf))
		if n, err := enc.Message(p, nil, buf, buf); n != 50 || err != nil || !bytes.Equal(slices.Concat(buf, tag), s.other.Seal(nil, nonce, plain, nil)) {
			t.Errorf("%v: %x, %v", s.mt, buf, err)
		}
		if n, err := dec.Message(p, nil, buf, buf); n != 50 || err != nil || !bytes.Equal(buf, plain) {
			t.Errorf("%v, back: %x, %v", s.mt, buf, err)
		}
	}
}

// TestMessageQuestions: a question and a short buffer take no nonce and write
// nothing.
func TestMessageQuestions(t *testing.T) {
	for _, s := range schemes(t) {
		enc := s.messages(t, encrypting)
		nonce, tag, dst := make([]byte, s.nonceSize), make([]byte, s.tag), make([]byte, 20)
		p := s.message(nonce, tag, 20)
		p.Generator, p.FixedBits = ck.CKG_GENERATE_COUNTER, 8*uint64(s.nonceSize)-5
		nonce[0] = 0xf0
		before := bytes.Clone(nonce)
		for _, short := range [][]byte{nil, {}, dst[:19]} {
			if n, err := enc.Message(p, nil, short, dst); n != 20 || short != nil && err != ck.CKR_BUFFER_TOO_SMALL || short == nil && err != nil {
				t.Errorf("%v, a buffer of %d: %d, %v", s.mt, len(short), n, err)
			}
		}
		if !bytes.Equal(nonce, before) || !bytes.Equal(tag, make([]byte, s.tag)) {
			t.Errorf("%v: %x and %x were written", s.mt, nonce, tag)
		}
		for i := range 3 {
			if _, err := enc.Message(p, nil, dst, dst); err != nil || nonce[0] != 0xf0 || int(nonce[len(nonce)-1]) != i {
				t.Errorf("%v, message %d: %x, %v", s.mt, i, nonce, err)
			}
		}
		if err := enc.Begin(p, nil); err != nil || nonce[len(nonce)-1] != 3 {
			t.Errorf("%v, a message in parts: %x, %v", s.mt, nonce, err)
		}
	}
}

// TestMessageRefusesChanges changes each thing that the tag is over.
func TestMessageRefusesChanges(t *testing.T) {
	for _, s := range schemes(t) {
		dec := s.messages(t, decrypting)
		nonce, aad, plain := randomBytes(s.nonceSize), randomBytes(9), randomBytes(40)
		sealed := s.other.Seal(nil, nonce, plain, aad)
		text, tag := sealed[:40], sealed[40:]
		for i, change := range []*byte{&nonce[2], &aad[8], &text[0], &text[39], &tag[0], &tag[s.tag-1]} {
			*change ^= 0x20
			for _, part := range []int{0, 16} {
				if got, err := steps(t, dec, s.message(nonce, tag, 40), aad, text, part); err != ck.CKR_AEAD_DECRYPT_FAILED || len(got) != 0 {
					t.Errorf("%v, change %d, parts of %d: %x, %v", s.mt, i, part, got, err)
				}
			}
			*change ^= 0x20
		}
		dst := make([]byte, 40)
		tag[0] ^= 1
		if _, err := dec.Message(s.message(nonce, tag, 40), aad, dst, text); err == nil || !bytes.Equal(dst, make([]byte, 40)) {
			t.Errorf("%v: %x came out, %v", s.mt, dst, err)
		}
		tag[0] ^= 1
		if got, err := steps(t, dec, s.message(nonce, tag, 40), aad, text, 0); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%v, unchanged: %x, %v", s.mt, got, err)
		}
	}
}

func TestMessageParameters(t *testing.T) {
	dst := make([]byte, 20)
	for _, s := range schemes(t) {
		for name, spoil := range map[string]func(*ck.MessageParams) *ck.MessageParams{
			"none":            func(*ck.MessageParams) *ck.MessageParams { return nil },
			"another's":       func(p *ck.MessageParams) *ck.MessageParams { p.Kind++; return p },
			"no nonce":        func(p *ck.MessageParams) *ck.MessageParams { p.Nonce = nil; return p },
			"a tag too short": func(p *ck.MessageParams) *ck.MessageParams { p.TagSize = 3; return p },
			"no tag at all":   func(p *ck.MessageParams) *ck.MessageParams { p.TagSize, p.Tag = 0, nil; return p },
		} {
			for _, d := range []direction{encrypting, decrypting} {
				fresh := func() *ck.MessageParams { return s.message(make([]byte, s.nonceSize), make([]byte, s.tag), 20) }
				c := s.messages(t, d)
				if _, err := c.Message(spoil(fresh()), nil, dst, dst); ck.Code(err) != ck.CKR_MECHANISM_PARAM_INVALID {
					t.Errorf("%v, %s: %v", s.mt, name, err)
				}
				if err := c.Begin(spoil(fresh()), nil); ck.Code(err) != ck.CKR_MECHANISM_PARAM_INVALID {
					t.Errorf("%v, Begin with %s: %v", s.mt, name, err)
				}
				if _, err := c.Next(fresh(), dst, dst, true); err != ck.CKR_OPERATION_NOT_INITIALIZED {
					t.Errorf("%v, Next without Begin: %v", s.mt, err)
				}
			}
		}
	}
}

// TestMessageTagLate: the place of the tag is asked for when the message ends.
func TestMessageTagLate(t *testing.T) {
	for _, s := range schemes(t) {
		for _, d := range []direction{encrypting, decrypting} {
			c := s.messages(t, d)
			p := s.message(make([]byte, s.nonceSize), nil, 0)
			if _, err := c.Message(p, nil, []byte{}, nil); err != ck.CKR_MECHANISM_PARAM_INVALID {
				t.Errorf("%v: a whole message: %v", s.mt, err)
			}
			if err := c.Begin(p, nil); err != nil {
				t.Errorf("%v: Begin: %v", s.mt, err)
			}
			if _, err := c.Next(p, []byte{}, nil, false); err != nil {
				t.Errorf("%v: a part: %v", s.mt, err)
			}
			if _, err := c.Next(p, []byte{}, nil, true); err != ck.CKR_MECHANISM_PARAM_INVALID {
				t.Errorf("%v: the end: %v", s.mt, err)
			}
		}
	}
}

// TestMessageCCMLength: a message of another length than was announced.
func TestMessageCCMLength(t *testing.T) {
	s := schemes(t)[3] // a nonce of 13 bytes
	nonce, tag, dst := make([]byte, 13), make([]byte, 4), make([]byte, 20)
	for d, want := range map[direction]ck.RV{encrypting: ck.CKR_DATA_LEN_RANGE, decrypting: ck.CKR_ENCRYPTED_DATA_LEN_RANGE} {
		c := s.messages(t, d)
		for _, announced := range []int{19, 21, 1 << 17} {
			for _, part := range []int{0, 7} {
				want := want
				if announced == 1<<17 && part > 0 { // C_EncryptMessageBegin has no code for a length
					want = ck.CKR_MECHANISM_PARAM_INVALID
				}
				if _, err := steps(t, c, s.message(nonce, tag, announced), nil, dst, part); err != want {
					t.Errorf("%d bytes announced, parts of %d: %v", announced, part, err)
				}
			}
		}
	}
}

// TestMessageInit: the parameter at the start may be that of a message, or none.
func TestMessageInit(t *testing.T) {
	for _, s := range schemes(t) {
		reg := mechanism(t, s.mt)
		for _, tc := range []struct {
			param any
			want  ck.RV
		}{
			{nil, ck.CKR_OK}, {&ck.MessageParams{Kind: s.kind}, ck.CKR_OK},
			{&ck.MessageParams{Kind: s.kind + 1}, ck.CKR_MECHANISM_PARAM_INVALID},
			{&ck.BytesParam{}, ck.CKR_MECHANISM_PARAM_INVALID},
		} {
			if _, err := reg.MessageEncrypt(s.key, &ck.Mechanism{Type: s.mt, Param: tc.param}); ck.Code(err) != tc.want {
				t.Errorf("%v, %T: %v", s.mt, tc.param, err)
			}
		}
	}
}

// TestMessageAllocations holds the hot path: the nonce and little else.
func TestMessageAllocations(t *testing.T) {
	s := schemes(t)[0]
	c := s.messages(t, encrypting)
	p := s.message(make([]byte, 12), make([]byte, 16), 64)
	src, dst := make([]byte, 64), make([]byte, 64)
	if n := testing.AllocsPerRun(100, func() { _, _ = c.Message(p, nil, dst, src) }); n > 2 {
		t.Errorf("%v allocations", n)
	}
}
