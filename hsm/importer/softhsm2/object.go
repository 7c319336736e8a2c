package softhsm2

import (
	"bytes"
	"crypto/aes"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// add decrypts an object and puts it into s; what cannot be read goes to the Left.
func add(s *importer.Source, where string, f fields, err error, key *secret.Bytes) {
	var o importer.Object
	if err == nil {
		o, err = decode(where, f, key)
	}
	if err != nil {
		o.Wipe()
		s.Left = append(s.Left, importer.Left{Where: where, What: "object", Why: err.Error()})
		return
	}
	s.Objects = append(s.Objects, o)
}

// bare are attributes that some versions leave in the clear in private objects.
var bare = map[ck.AttributeType]bool{ck.CKA_START_DATE: true, ck.CKA_END_DATE: true, ck.CKA_CHECK_VALUE: true}

// decode returns an object in the clear.
func decode(where string, f fields, key *secret.Bytes) (importer.Object, error) {
	o := importer.Object{Where: where}
	if _, ok := f.template().Ulong(ck.CKA_CLASS); !ok {
		return o, importer.Formatf("it has no CKA_CLASS")
	}
	private, known := f.template().Bool(ck.CKA_PRIVATE)
	private = private || !known
	for _, a := range f {
		if a.kind == kindBytes {
			v, err := clearValue(a.Attribute, private, key)
			if err != nil {
				return o, err
			}
			a.Value = v
		}
		o.Attrs = append(o.Attrs, a.Attribute)
	}
	correctCurve(&o)
	return o, nil
}

// clearValue returns a copy of a byte string, decrypted if the object is private.
func clearValue(a ck.Attribute, private bool, key *secret.Bytes) ([]byte, error) {
	if !private || len(a.Value) == 0 || bare[a.Type] && len(a.Value) < 2*aes.BlockSize {
		return bytes.Clone(a.Value), nil
	}
	v, err := open(key.Expose(), a.Value)
	if err != nil {
		return nil, importer.Formatf("%v cannot be decrypted", a.Type)
	}
	return v, nil
}

// montgomery are CKA_EC_PARAMS of X25519: the name that PKCS #11 2.40 drafts had, and
// the OID of RFC 8410.
var montgomery = [][]byte{append([]byte{0x13, 10}, "curve25519"...), {0x06, 3, 0x2b, 0x65, 0x6e}}

// correctCurve: SoftHSM2 2.6 has keys for X25519 as CKK_EC_EDWARDS. PKCS #11 3.0 has a
// key type of their own for them.
func correctCurve(o *importer.Object) {
	kt, _ := o.KeyType()
	params := o.Value(ck.CKA_EC_PARAMS)
	if kt != ck.CKK_EC_EDWARDS || !bytes.Equal(params, montgomery[0]) && !bytes.Equal(params, montgomery[1]) {
		return
	}
	for i := range o.Attrs {
		if o.Attrs[i].Type == ck.CKA_KEY_TYPE {
			o.Attrs[i] = ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_EC_MONTGOMERY)
			o.Notes = append(o.Notes, "is of type CKK_EC_MONTGOMERY now, as PKCS #11 3.0 has it")
		}
	}
}
