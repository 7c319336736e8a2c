package p11

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// recorder is an operation that returns what it is given.
func recorder(calls *[]int) operation {
	echo := func(_ pkcs11.SessionHandle, b []byte) ([]byte, error) {
		*calls = append(*calls, len(b))
		return b, nil
	}
	return operation{begin, echo, echo, func(pkcs11.SessionHandle) ([]byte, error) {
		*calls = append(*calls, -1)
		return []byte("!"), nil
	}}
}

func begin(pkcs11.SessionHandle, []*pkcs11.Mechanism, pkcs11.ObjectHandle) error { return nil }

func TestParts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		parts []int
		data  string
		calls []int
		out   string
	}{
		{"one call", nil, "abcdefg", []int{7}, "abcdefg"},
		{"over and over", []int{1, 2}, "abcdefg", []int{1, 2, 1, 2, 1, -1}, "abcdefg!"},
		{"longer than the data", []int{10}, "abc", []int{3, -1}, "abc!"},
		{"nothing", []int{1}, "", []int{-1}, "!"},
	} {
		var calls []int
		out, err := new(Session).run(recorder(&calls), Plain(ck.CKM_SHA256), 0, []byte(tt.data), tt.parts)
		if err != nil || string(out) != tt.out || !slices.Equal(calls, tt.calls) {
			t.Errorf("%s: %q after %v, %v", tt.name, out, calls, err)
		}
	}
}

func TestPartsStopAtAnError(t *testing.T) {
	bad := pkcs11.Error(pkcs11.CKR_DATA_LEN_RANGE)
	failing := func(pkcs11.SessionHandle, []byte) ([]byte, error) { return nil, bad }
	unwanted := func(pkcs11.SessionHandle) ([]byte, error) { t.Error("final was called"); return nil, nil }
	noInit := func(pkcs11.SessionHandle, []*pkcs11.Mechanism, pkcs11.ObjectHandle) error { return bad }
	for _, o := range []operation{{begin, failing, failing, unwanted}, {noInit, nil, nil, unwanted}} {
		for _, parts := range [][]int{nil, {1}} {
			if _, err := new(Session).run(o, Plain(ck.CKM_SHA256), 0, []byte("ab"), parts); !errors.Is(err, ck.CKR_DATA_LEN_RANGE) {
				t.Errorf("parts %v: %v", parts, err)
			}
		}
	}
}

func TestNumbersLoseTheirZeros(t *testing.T) {
	template := RSAPublic([]byte{0, 0, 5}, []byte{1, 0, 1})
	find := func(a uint) []byte {
		i := slices.IndexFunc(template, func(x *pkcs11.Attribute) bool { return x.Type == a })
		if i < 0 {
			return nil
		}
		return template[i].Value
	}
	if !bytes.Equal(find(pkcs11.CKA_MODULUS), []byte{5}) || !bytes.Equal(find(pkcs11.CKA_PUBLIC_EXPONENT), []byte{1, 0, 1}) {
		t.Errorf("modulus %x, exponent %x", find(pkcs11.CKA_MODULUS), find(pkcs11.CKA_PUBLIC_EXPONENT))
	}
	if template = RSAPrivate(RSAValues{Modulus: []byte{5}}); find(pkcs11.CKA_PRIME_1) != nil {
		t.Error("a prime that was not given is in the template")
	}
}

// TestParameters holds what is encoded here to the structures of the standard,
// on a machine whose CK_ULONG has eight bytes.
func TestParameters(t *testing.T) {
	word := func(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
	block := bytes.Repeat([]byte{7}, 16)
	for _, tt := range []struct {
		name string
		m    Mechanism
		want []byte
	}{
		{"CK_AES_CTR_PARAMS", CTR(block, 128), append(word(128), block...)},
		{"CK_MAC_GENERAL_PARAMS", MACLength(ck.CKM_AES_CMAC_GENERAL, 12), word(12)},
		{"CK_ECDH1_DERIVE_PARAMS", ECDH(nil), slices.Concat(word(1), make([]byte, 32))},
	} {
		if got, _ := tt.m.param.([]byte); !bytes.Equal(got, tt.want) {
			t.Errorf("%s: %x", tt.name, got)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := Open(Config{Module: "/nonexistent/libnothing.so"}); err == nil {
		t.Error("a library that is not there was opened")
	}
}
