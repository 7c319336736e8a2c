package service

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

func TestGenerateSecret(t *testing.T) {
	lengths := map[ck.MechanismType][]uint64{
		ck.CKM_AES_KEY_GEN:            {16, 24, 32},
		ck.CKM_GENERIC_SECRET_KEY_GEN: {1, 20, 32, maxSecret},
	}
	types := map[ck.MechanismType]ck.KeyType{
		ck.CKM_AES_KEY_GEN:            ck.CKK_AES,
		ck.CKM_GENERIC_SECRET_KEY_GEN: ck.CKK_GENERIC_SECRET,
	}
	for i := range hashes {
		h := &hashes[i]
		lengths[h.hmac.keyGen] = []uint64{1, uint64(h.size), maxSecret}
		types[h.hmac.keyGen] = h.hmac.keyType
	}
	for mt, sizes := range lengths {
		generate := func(tmpl ...ck.Attribute) (ck.Template, error) {
			return mechanism(t, mt).GenerateKey(&ck.Mechanism{Type: mt}, tmpl)
		}
		for _, n := range sizes {
			made, err := generate(ck.Ulong(ck.CKA_VALUE_LEN, n))
			if err != nil {
				t.Fatalf("%v, %d bytes: %v", mt, n, err)
			}
			class, _ := made.Ulong(ck.CKA_CLASS)
			kt, _ := made.Ulong(ck.CKA_KEY_TYPE)
			told, _ := made.Ulong(ck.CKA_VALUE_LEN)
			value, _ := made.Find(ck.CKA_VALUE)
			if ck.ObjectClass(class) != ck.CKO_SECRET_KEY || ck.KeyType(kt) != types[mt] || told != n || uint64(len(value.Value)) != n {
				t.Errorf("%v, %d bytes: class %v, type %v, length %d", mt, n, ck.ObjectClass(class), ck.KeyType(kt), told)
			}
			again, _ := generate(ck.Ulong(ck.CKA_VALUE_LEN, n))
			other, _ := again.Find(ck.CKA_VALUE)
			if n >= 16 && bytes.Equal(value.Value, other.Value) {
				t.Errorf("%v: the same key twice", mt)
			}
		}
		if _, err := generate(); ck.Code(err) != ck.CKR_TEMPLATE_INCOMPLETE {
			t.Errorf("%v without a length: %v", mt, err)
		}
		for _, bad := range []ck.Attribute{
			ck.Ulong(ck.CKA_VALUE_LEN, uint64(0)), ck.Ulong(ck.CKA_VALUE_LEN, uint64(maxSecret+1)),
			ck.Ulong(ck.CKA_VALUE_LEN, ^uint64(0)), ck.Bytes(ck.CKA_VALUE_LEN, []byte{16}),
		} {
			if _, err := generate(bad); ck.Code(err) != ck.CKR_ATTRIBUTE_VALUE_INVALID {
				t.Errorf("%v, length %x: %v", mt, bad.Value, err)
			}
		}
	}
	if _, err := mechanism(t, ck.CKM_AES_KEY_GEN).GenerateKey(nil, ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(20))}); ck.Code(err) != ck.CKR_ATTRIBUTE_VALUE_INVALID {
		t.Errorf("AES key of 20 bytes: %v", err)
	}
}

func TestHashDerivation(t *testing.T) {
	k := hmacTestKey(t, ck.CKK_GENERIC_SECRET, 20)
	for i := range hashes {
		h := &hashes[i]
		d := h.hash.New()
		d.Write(k.Value())
		want := d.Sum(nil)
		derive := mechanism(t, h.derive).Derive
		for _, n := range []int{1, h.size} {
			if got, err := derive(k, nil, n); err != nil || !bytes.Equal(got.Expose(), want[:n]) {
				t.Errorf("%v, %d bytes: %v", h.derive, n, err)
			}
		}
		if got, err := derive(k, nil, 0); err != nil || got.Len() != h.size {
			t.Errorf("%v: %d bytes, %v", h.derive, got.Len(), err)
		}
		if _, err := derive(k, nil, h.size+1); err != ck.CKR_KEY_SIZE_RANGE {
			t.Errorf("%v, more than there is: %v", h.derive, err)
		}
	}
}
