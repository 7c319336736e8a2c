package service

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// TestWrap wraps with every mechanism of RSA, and damages what came of it.
func TestWrap(t *testing.T) {
	for _, c := range asymmetricCases(t, func(m *Mechanism) bool { return m.Wrap != nil }) {
		t.Run(c.Type.String(), func(t *testing.T) {
			size, err := c.Wrap(c.pub, c.m, nil, c.data)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := c.Wrap(c.pub, c.m, make([]byte, size-1), c.data); n != size || err != ck.CKR_BUFFER_TOO_SMALL {
				t.Error("short buffer:", n, err)
			}
			wrapped := make([]byte, size)
			if n, err := c.Wrap(c.pub, c.m, wrapped, c.data); n != size || err != nil {
				t.Fatal(n, err)
			}
			got, err := c.Unwrap(c.priv, c.m, wrapped)
			if err != nil {
				t.Fatal(err)
			}
			lead, ok := bytes.CutSuffix(got.Expose(), c.data)
			if !ok || (len(lead) > 0) != c.Leads || len(bytes.Trim(lead, "\x00")) > 0 {
				t.Errorf("another key, after %d bytes", len(lead))
			}
			got.Zero()
			if _, err := c.Unwrap(c.priv, c.m, wrapped[:255]); err != ck.CKR_WRAPPED_KEY_LEN_RANGE {
				t.Error("255 bytes:", err)
			}
			if c.Type == ck.CKM_RSA_X_509 {
				return // has no redundancy
			}
			for _, i := range []int{0, 128, size - 1} {
				wrong := bytes.Clone(wrapped)
				wrong[i] ^= 1
				if _, err := c.Unwrap(c.priv, c.m, wrong); err != ck.CKR_WRAPPED_KEY_INVALID {
					t.Errorf("byte %d of %d: %v", i, size, err)
				}
			}
			if limit, ok := limits[c.Type]; ok {
				if _, err := c.Wrap(c.pub, c.m, make([]byte, size), make([]byte, limit+1)); err != ck.CKR_KEY_SIZE_RANGE {
					t.Error("too long a key:", err)
				}
			}
		})
	}
}

// TestRSAAESWrap has a key longer than RSA could wrap, a buffer that holds it
// already, and parameters.
func TestRSAAESWrap(t *testing.T) {
	pub, priv := rsaPair()
	plain := make([]byte, 1217)
	rand.Read(plain)
	param := asymmetricParam(mechanism(t, ck.CKM_RSA_AES_KEY_WRAP)).(*ck.RSAAESWrapParams)
	m := &ck.Mechanism{Type: ck.CKM_RSA_AES_KEY_WRAP, Param: param}
	for _, bits := range []uint64{128, 192, 256} {
		param.AESBits = bits
		buf := make([]byte, 4096)
		n, err := wrapRSAAES(pub, m, buf, buf[:copy(buf, plain)])
		if err != nil || n != 256+8+1224 {
			t.Fatal(n, err)
		}
		param.AESBits = 256 // the sender's choice is inside
		got, err := unwrapRSAAES(priv, m, buf[:n])
		if err != nil || !bytes.Equal(got.Expose(), plain) {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
	param.AESBits = 160
	if _, err := wrapRSAAES(pub, m, nil, plain); err != ck.CKR_MECHANISM_PARAM_INVALID {
		t.Error("160 bits:", err)
	}
	if _, err := unwrapRSAAES(priv, m, make([]byte, 512)); err != ck.CKR_MECHANISM_PARAM_INVALID {
		t.Error("160 bits, unwrap:", err)
	}
	param.AESBits = 128
	if _, err := unwrapRSAAES(priv, m, make([]byte, 256)); err != ck.CKR_WRAPPED_KEY_LEN_RANGE {
		t.Error("no second part:", err)
	}
	param.OAEP.Hash = 0
	if _, err := wrapRSAAES(pub, m, nil, plain); err != ck.CKR_MECHANISM_PARAM_INVALID {
		t.Error("no hash:", err)
	}
}
