package object

import (
	"cmp"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// schema is all the attributes of one class and key type.
type schema struct {
	class   ck.ObjectClass
	keyType ck.KeyType
	rows    []row // sorted by type
	usual   usageSet
	check   func(*Object) error // what no single row can say; may be nil

	// What follows from rows.
	fixed    fixed
	computed rowSet // those with a default that is computed
	secret   rowSet
	required [len(required)]rowSet // by origin
	places   [512]int8             // index, of the types up to there
}

// fixed are the defaults that are the same for all objects of a schema.
type fixed struct {
	encoded []byte
	ends    [maxRows]int // by row, in encoded
	usage   usageSet     // what an Object notes of them
	truths  truthSet
}

// between is the encoding of the defaults of rows from on, and before to.
func (f *fixed) between(from, to int) []byte {
	begin, end := 0, 0
	if from > 0 {
		begin = f.ends[from-1]
	}
	if to > 0 {
		end = f.ends[to-1]
	}
	return f.encoded[begin:end]
}

func fixedOf(rows []row) (f fixed) {
	var noted Object
	for i := range rows {
		if def := rows[i].def; def != nil && def.compute == nil {
			a := ck.Attribute{Type: rows[i].typ, Value: def.value}
			f.encoded = appendAttribute(f.encoded, &a)
			noted.note(&a)
		}
		f.ends[i] = len(f.encoded)
	}
	f.usage, f.truths = noted.usage, noted.truths
	return f
}

// rowsThat are the rows for which is holds.
func rowsThat(rows []row, is func(r *row) bool) (set rowSet) {
	for i := range rows {
		if is(&rows[i]) {
			set |= 1 << i
		}
	}
	return set
}

// typeOf is one line of the table types: a class, or a class and the key types
// that have the same attributes.
type typeOf struct {
	class    ck.ObjectClass
	keyTypes []ck.KeyType // nil: a class that has none
	rows     [][]row
	usual    []ck.AttributeType // what a key may do when nobody says
	check    func(*Object) error
}

var (
	publicKey  = [][]row{storageRows, openRows, keyRows, publicKeyRows}
	privateKey = [][]row{storageRows, privateRows, keyRows, guardedKeyRows, privateKeyRows}
	secretKey  = [][]row{storageRows, privateRows, keyRows, guardedKeyRows, secretKeyRows, secretValueRows}
)

// with adds one table to the tables of a class.
func with(rows [][]row, more ...[]row) [][]row { return slices.Concat(rows, more) }

// types is every class and key type that can be made.
var types = []typeOf{
	{ck.CKO_DATA, nil, [][]row{storageRows, openRows, dataRows}, nil, nil},
	{ck.CKO_CERTIFICATE, nil, [][]row{storageRows, openRows, certificateRows, x509Rows}, nil, checkCertificate},
	{ck.CKO_TRUST, nil, [][]row{storageRows, openRows, trustRows}, nil, checkTrust},

	{ck.CKO_PUBLIC_KEY, []ck.KeyType{ck.CKK_RSA}, with(publicKey, rsaPublicRows),
		[]ck.AttributeType{ck.CKA_ENCRYPT, ck.CKA_VERIFY, ck.CKA_VERIFY_RECOVER}, nil},
	{ck.CKO_PUBLIC_KEY, []ck.KeyType{ck.CKK_EC, ck.CKK_EC_EDWARDS}, with(publicKey, ecPublicRows),
		[]ck.AttributeType{ck.CKA_VERIFY}, nil},
	{ck.CKO_PUBLIC_KEY, []ck.KeyType{ck.CKK_EC_MONTGOMERY}, with(publicKey, ecPublicRows), nil, nil},

	{ck.CKO_PRIVATE_KEY, []ck.KeyType{ck.CKK_RSA}, with(privateKey, rsaPrivateRows),
		[]ck.AttributeType{ck.CKA_DECRYPT, ck.CKA_SIGN, ck.CKA_SIGN_RECOVER}, checkPrivateKey},
	{ck.CKO_PRIVATE_KEY, []ck.KeyType{ck.CKK_EC, ck.CKK_EC_EDWARDS}, with(privateKey, ecPrivateRows),
		[]ck.AttributeType{ck.CKA_SIGN}, checkPrivateKey},
	{ck.CKO_PRIVATE_KEY, []ck.KeyType{ck.CKK_EC_MONTGOMERY}, with(privateKey, ecPrivateRows),
		[]ck.AttributeType{ck.CKA_DERIVE}, checkPrivateKey},

	{ck.CKO_DOMAIN_PARAMETERS, []ck.KeyType{ck.CKK_EC, ck.CKK_EC_EDWARDS, ck.CKK_EC_MONTGOMERY},
		[][]row{storageRows, openRows, domainRows, ecDomainRows}, nil, nil},

	{ck.CKO_PUBLIC_KEY, []ck.KeyType{ck.CKK_ML_KEM}, with(publicKey, mlkemPublicRows),
		[]ck.AttributeType{ck.CKA_ENCAPSULATE}, nil},
	{ck.CKO_PRIVATE_KEY, []ck.KeyType{ck.CKK_ML_KEM}, with(privateKey, mlkemPrivateRows),
		[]ck.AttributeType{ck.CKA_DECAPSULATE}, checkPrivateKey},

	{ck.CKO_SECRET_KEY, []ck.KeyType{ck.CKK_AES}, secretKey,
		[]ck.AttributeType{ck.CKA_ENCRYPT, ck.CKA_DECRYPT, ck.CKA_SIGN, ck.CKA_VERIFY}, nil},
	{ck.CKO_SECRET_KEY, []ck.KeyType{ck.CKK_AES_XTS, ck.CKK_CHACHA20}, secretKey,
		[]ck.AttributeType{ck.CKA_ENCRYPT, ck.CKA_DECRYPT}, nil},
	{ck.CKO_SECRET_KEY, []ck.KeyType{ck.CKK_GENERIC_SECRET,
		ck.CKK_SHA_1_HMAC, ck.CKK_SHA224_HMAC, ck.CKK_SHA256_HMAC, ck.CKK_SHA384_HMAC, ck.CKK_SHA512_HMAC,
		ck.CKK_SHA512_224_HMAC, ck.CKK_SHA512_256_HMAC,
		ck.CKK_SHA3_224_HMAC, ck.CKK_SHA3_256_HMAC, ck.CKK_SHA3_384_HMAC, ck.CKK_SHA3_512_HMAC}, secretKey,
		[]ck.AttributeType{ck.CKA_SIGN, ck.CKA_VERIFY}, nil},
	{ck.CKO_SECRET_KEY, []ck.KeyType{ck.CKK_HKDF}, secretKey, []ck.AttributeType{ck.CKA_DERIVE}, nil},
}

// domainParameters are the attributes of domain parameters for a key type that only a
// newer version knows.
var domainParameters = newSchema(typeOf{class: ck.CKO_DOMAIN_PARAMETERS, rows: [][]row{storageRows, openRows, domainRows}}, 0)

// strangers are the attributes of objects that only a newer version knows: those
// of a key type it added, and those of a class it added.
var strangers = []typeOf{
	{class: ck.CKO_PUBLIC_KEY, rows: publicKey},
	{class: ck.CKO_PRIVATE_KEY, rows: privateKey},
	{class: ck.CKO_SECRET_KEY, rows: secretKey},
}

var unknownClass = newSchema(typeOf{rows: [][]row{storageRows, openRows}}, 0)

// typeKey is what a schema is found by; keyType is 0 for classes without.
type typeKey struct {
	class   ck.ObjectClass
	keyType ck.KeyType
}

// The tables as they are looked up.
var (
	schemas     = makeSchemas()
	fallbacks   = byClass(strangers)
	provided    = byClass(builtIns)
	keyTypes    = makeKeyTypes()
	kinds       = makeKinds()
	secretTypes = makeSecretTypes()
)

func newSchema(t typeOf, kt ck.KeyType) *schema {
	s := &schema{class: t.class, keyType: kt, rows: slices.Concat(t.rows...), check: t.check}
	slices.SortFunc(s.rows, func(a, b row) int { return cmp.Compare(a.typ, b.typ) })
	s.fixed = fixedOf(s.rows)
	s.computed = rowsThat(s.rows, func(r *row) bool { return r.def != nil && r.def.compute != nil })
	s.secret = rowsThat(s.rows, func(r *row) bool { return r.is(secretValue) })
	for origin, rule := range required {
		s.required[origin] = rowsThat(s.rows, func(r *row) bool { return r.is(rule) })
	}
	for i := range s.places {
		s.places[i] = noRow
	}
	for i, r := range s.rows {
		if r.typ < ck.AttributeType(len(s.places)) {
			s.places[r.typ] = int8(i)
		}
	}
	for _, u := range t.usual {
		s.usual |= usageBit(u)
	}
	return s
}

func makeSchemas() map[typeKey]*schema {
	m := map[typeKey]*schema{}
	for _, t := range types {
		if t.keyTypes == nil {
			m[typeKey{t.class, 0}] = newSchema(t, 0)
		}
		for _, kt := range t.keyTypes {
			m[typeKey{t.class, kt}] = newSchema(t, kt)
		}
	}
	return m
}

func byClass(list []typeOf) map[ck.ObjectClass]*schema {
	m := map[ck.ObjectClass]*schema{}
	for _, t := range list {
		m[t.class] = newSchema(t, 0)
	}
	return m
}

func makeKeyTypes() map[ck.KeyType]bool {
	m := map[ck.KeyType]bool{}
	for _, t := range types {
		for _, kt := range t.keyTypes {
			m[kt] = true
		}
	}
	return m
}

func makeKinds() map[ck.AttributeType]kind {
	m := map[ck.AttributeType]kind{}
	for _, t := range slices.Concat(types, builtIns) {
		for _, rows := range t.rows {
			for _, r := range rows {
				m[r.typ] = r.kind
			}
		}
	}
	return m
}

func makeSecretTypes() map[ck.AttributeType]bool {
	m := map[ck.AttributeType]bool{}
	for _, s := range schemas {
		for _, r := range s.rows {
			if r.is(secretValue) {
				m[r.typ] = true
			}
		}
	}
	return m
}

// noRow is the index of an attribute that is not in a schema.
const noRow = -1

// index returns where in rows the attribute t is, or noRow.
func (s *schema) index(t ck.AttributeType) int {
	if t < ck.AttributeType(len(s.places)) { // most of them
		return int(s.places[t])
	}
	i := search(len(s.rows), t, func(i int) ck.AttributeType { return s.rows[i].typ })
	if i == len(s.rows) || s.rows[i].typ != t {
		return noRow
	}
	return i
}

// row returns the row of t, or nil.
func (s *schema) row(t ck.AttributeType) *row {
	i := s.index(t)
	if i < 0 {
		return nil
	}
	return &s.rows[i]
}

// isKeyClass reports whether objects of class c are keys.
func isKeyClass(c ck.ObjectClass) bool { return fallbacks[c] != nil }

// isTyped reports whether objects of class c have a CKA_KEY_TYPE.
func isTyped(c ck.ObjectClass) bool { return isKeyClass(c) || c == ck.CKO_DOMAIN_PARAMETERS }

// schemaFor returns the schema of a new object: CKR_ATTRIBUTE_VALUE_INVALID for a
// class or key type that there is not, CKR_TEMPLATE_INCONSISTENT for a key type
// that belongs to another class.
func schemaFor(class ck.ObjectClass, kt ck.KeyType) (*schema, error) {
	if s := schemas[typeKey{class, kt}]; s != nil {
		return s, nil
	}
	switch {
	case provided[class] != nil:
		return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "objects of class %v are the token's own", class)
	case !isTyped(class):
		return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "objects of class %v are not supported", class)
	case !keyTypes[kt]:
		return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "keys of type %v are not supported", kt)
	}
	return nil, ck.Errorf(ck.CKR_TEMPLATE_INCONSISTENT, "%v is no key type of %v", kt, class)
}

// schemaOf returns the schema of an object that exists, whoever wrote it.
func schemaOf(class ck.ObjectClass, kt ck.KeyType) *schema {
	if s := schemas[typeKey{class, kt}]; s != nil {
		return s
	}
	if s := fallbacks[class]; s != nil {
		return s
	}
	if s := provided[class]; s != nil {
		return s
	}
	if class == ck.CKO_DOMAIN_PARAMETERS {
		return domainParameters
	}
	return unknownClass
}
