// Package nss reads the databases of NSS: key4.db and cert9.db (FORMAT.md).
package nss

import (
	"crypto/sha1"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/importer/pbes2"
	"github.com/coffer-hsm/coffer/hsm/importer/sqlite"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// The databases and their tables.
const (
	keyName   = "key4.db"
	certName  = "cert9.db"
	keyTable  = "nssPrivate"
	certTable = "nssPublic"
)

// attrPublic is the attribute of a private key that holds its public half.
const attrPublic ck.AttributeType = 0xd5a0db00

// empty is how an empty value is stored.
var empty = "\xa5\x00\x5a"

// checkText is what the password is checked by.
const checkText = "password-check"

// Database is a pair of databases in a directory.
type Database struct {
	dir   string
	salt  []byte
	check []byte // checkText, sealed

	signatures map[string][]byte // by name
}

// Open opens the databases in dir.
func Open(dir string) (*Database, error) {
	path := filepath.Join(dir, keyName)
	db, err := sqlite.Open(path)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	d := &Database{dir: dir}
	err = db.QueryRow("select cast(item1 as blob), cast(item2 as blob) from metaData where id = 'password'").Scan(&d.salt, &d.check)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, importer.Formatf("%s has no password, not even an empty one", path)
	}
	if err != nil {
		return nil, sqlite.Error(path, err)
	}
	if d.signatures, err = readSignatures(db); err != nil {
		return nil, sqlite.Error(path, err)
	}
	return d, nil
}

// Unlocks reports whether a password is that of the database: nil or ErrPassword,
// ErrUnsupported, ErrFormat.
func (d *Database) Unlocks(password *secret.Bytes) error {
	plain, err := d.unseal(d.check, password)
	if err != nil {
		return err
	}
	defer plain.Zero()
	if string(plain.Expose()) != checkText {
		return fmt.Errorf("%s: %w", d.dir, importer.ErrPassword)
	}
	return nil
}

// key is what stands for a password in the database; the caller clears it.
func (d *Database) key(password *secret.Bytes) [sha1.Size]byte {
	both := secret.New(len(d.salt) + password.Len())
	defer both.Zero()
	copy(both.Expose()[copy(both.Expose(), d.salt):], password.Expose())
	return sha1.Sum(both.Expose())
}

// unseal opens a sealed value.
func (d *Database) unseal(der []byte, password *secret.Bytes) (*secret.Bytes, error) {
	hashed := d.key(password)
	defer clear(hashed[:])
	plain, err := pbes2.Open(der, hashed[:])
	switch {
	case errors.Is(err, pbes2.ErrPassword):
		return nil, fmt.Errorf("%s: %w", d.dir, importer.ErrPassword)
	case errors.Is(err, pbes2.ErrUnsupported):
		return nil, fmt.Errorf("%s: %w: %w; a newer NSS seals it anew (certutil -W -d %s)", d.dir, importer.ErrUnsupported, err, d.dir)
	case err != nil:
		return nil, importer.Formatf("%s: %v", d.dir, err)
	}
	return plain, nil
}

// Read reads both databases: ErrPassword, ErrFormat. The caller wipes the source.
func (d *Database) Read(password *secret.Bytes) (*importer.Source, error) {
	if err := d.Unlocks(password); err != nil {
		return nil, err
	}
	s := &importer.Source{Kind: "NSS database", Name: "NSS database " + d.dir}
	for _, t := range []*table{
		{file: keyName, name: keyTable, signatures: keySignature, sealed: true},
		{file: certName, name: certTable, signatures: certSignature},
	} {
		t.Database, t.password = d, password
		if err := t.read(s); err != nil {
			s.Wipe()
			return nil, err
		}
	}
	nickname(s)
	return s, nil
}

// sealed are the attributes of nssPrivate that are under the password.
var sealed = map[ck.AttributeType]bool{
	ck.CKA_VALUE: true, ck.CKA_PRIVATE_EXPONENT: true, ck.CKA_PRIME_1: true, ck.CKA_PRIME_2: true,
	ck.CKA_EXPONENT_1: true, ck.CKA_EXPONENT_2: true, ck.CKA_COEFFICIENT: true,
}

// read puts the objects of a table into s, or among the Left.
func (t *table) read(s *importer.Source) error {
	path := filepath.Join(t.dir, t.file)
	db, err := sqlite.Open(path)
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.Query("select * from " + t.name + " order by id")
	if err != nil {
		return sqlite.Error(path, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return sqlite.Error(path, err)
	}
	for rows.Next() {
		values := make([]sql.RawBytes, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return sqlite.Error(path, err)
		}
		t.addRow(s, columns, values)
	}
	if err := rows.Err(); err != nil {
		return sqlite.Error(path, err)
	}
	return nil
}

// addRow puts the object of a row into s, or among the Left.
func (t *table) addRow(s *importer.Source, columns []string, values []sql.RawBytes) {
	o := importer.Object{}
	id, err := t.begin(&o, columns, values)
	for i, column := range columns {
		if column == "id" {
			continue
		}
		if values[i] == nil || err != nil {
			continue
		}
		var a ck.Attribute
		var ok bool
		if a, ok, err = t.attribute(id, column, values[i]); ok {
			o.Attrs = append(o.Attrs, a)
		}
	}
	switch {
	case err != nil:
		o.Wipe()
		s.Left = append(s.Left, importer.Left{Where: o.Where, What: "object", Why: err.Error()})
	case o.Class() >= ck.CKO_VENDOR_DEFINED:
		s.Left = append(s.Left, importer.Left{Where: o.Where, What: vendorClass(o.Class()), Harmless: true,
			Why: "what NSS trusts stays with NSS"})
	default:
		s.Objects = append(s.Objects, o)
	}
}

// begin names the object of a row.
func (t *table) begin(o *importer.Object, columns []string, values []sql.RawBytes) (uint32, error) {
	i := slices.Index(columns, "id")
	if i < 0 {
		return 0, importer.Formatf("%s: a row without a number", t.file)
	}
	o.Where = t.file + ", object " + string(values[i])
	id, err := strconv.ParseUint(string(values[i]), 10, 32)
	if err != nil {
		return 0, importer.Formatf("%q is no number of an object", string(values[i]))
	}
	t.object(uint32(id))
	return uint32(id), nil
}

// nssTrust is the class of NSS's trust objects.
const nssTrust ck.ObjectClass = 0xce534353

func vendorClass(c ck.ObjectClass) string {
	if c == nssTrust {
		return "NSS trust"
	}
	return c.String()
}

// numbers are the attributes that hold a number of 4 bytes.
var numbers = map[ck.AttributeType]bool{
	ck.CKA_CLASS: true, ck.CKA_KEY_TYPE: true, ck.CKA_CERTIFICATE_TYPE: true, ck.CKA_CERTIFICATE_CATEGORY: true,
	ck.CKA_MODULUS_BITS: true, ck.CKA_VALUE_LEN: true, ck.CKA_KEY_GEN_MECHANISM: true,
	ck.CKA_JAVA_MIDP_SECURITY_DOMAIN: true, ck.CKA_NAME_HASH_ALGORITHM: true,
}

// attribute reads one column; ok is false for one that is not an attribute to keep.
func (t *table) attribute(id uint32, column string, v []byte) (a ck.Attribute, ok bool, err error) {
	hex, found := strings.CutPrefix(column, "a")
	n, bad := strconv.ParseUint(hex, 16, 32)
	at := ck.AttributeType(n)
	if !found || bad != nil || at >= ck.CKA_VENDOR_DEFINED && at != attrPublic {
		return a, false, nil
	}
	v = slices.Clone(v)
	if string(v) == empty {
		v = []byte{}
	}
	switch {
	case numbers[at] && len(v) == 4:
		return ck.Ulong(at, uint64(binary.BigEndian.Uint32(v))), true, nil
	case numbers[at]:
		return a, false, importer.Formatf("%v is no number", at)
	}
	if v, err = t.open(id, at, v); err != nil {
		return a, false, err
	}
	return ck.Bytes(at, v), true, nil
}

// nickname gives keys without a label that of the certificate with the same ID, as
// NSS does when it looks for them, and private keys of EC their point, by which the
// partition checks them.
func nickname(s *importer.Source) {
	labels := map[string][]byte{}
	for i := range s.Objects {
		if o := &s.Objects[i]; o.Class() == ck.CKO_CERTIFICATE {
			labels[string(o.Value(ck.CKA_ID))] = o.Value(ck.CKA_LABEL)
		}
	}
	for i := range s.Objects {
		o := &s.Objects[i]
		label := labels[string(o.Value(ck.CKA_ID))]
		if _, isKey := o.KeyType(); isKey && len(o.Value(ck.CKA_LABEL)) == 0 && len(label) > 0 {
			o.Set(ck.Bytes(ck.CKA_LABEL, slices.Clone(label)))
			o.Notes = append(o.Notes, "has the label of its certificate")
		}
		public := o.Value(attrPublic)
		if kt, _ := o.KeyType(); kt == ck.CKK_EC && o.Class() == ck.CKO_PRIVATE_KEY && len(public) > 0 {
			o.Set(ck.Bytes(ck.CKA_EC_POINT, slices.Clone(public)))
		}
		o.Drop(attrPublic)
	}
}
