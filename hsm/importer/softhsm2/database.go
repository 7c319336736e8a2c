package softhsm2

import (
	"database/sql"
	"encoding/binary"
	"fmt"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/importer/sqlite"
)

// mechanismSets are the attributes whose bytes are a list of mechanism types.
var mechanismSets = map[ck.AttributeType]bool{ck.CKA_ALLOWED_MECHANISMS: true}

// images are the machines whose memory may be in a database.
var images = []reader{
	{width: 8, kindWidth: 4, order: binary.LittleEndian, counts: true},
	{width: 4, kindWidth: 4, order: binary.LittleEndian, counts: true},
	{width: 8, kindWidth: 4, order: binary.BigEndian, counts: true},
	{width: 4, kindWidth: 4, order: binary.BigEndian, counts: true},
}

// tokenObject is the object of a database that is the token.
const tokenObject = 1

// readDatabase reads all objects of a database, by number.
func readDatabase(path string) (map[int64]fields, error) {
	db, err := sqlite.Open(path)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	objects := map[int64]fields{}
	if err := eachRow(db, "select id, 0, 0 from object", func(id int64, _ ck.AttributeType, _ any) error {
		objects[id] = nil
		return nil
	}); err != nil {
		return nil, sqlite.Error(path, err)
	}
	for _, t := range tables {
		err := eachRow(db, t.query, func(id int64, a ck.AttributeType, v any) error {
			if _, known := objects[id]; !known {
				return nil // left of an object that was deleted
			}
			f, err := t.field(a, v)
			objects[id] = append(objects[id], f)
			return err
		})
		if err != nil {
			return nil, sqlite.Error(path, err)
		}
	}
	return objects, nil
}

// table is one of the tables that attributes are in.
type table struct {
	query string
	field func(ck.AttributeType, any) (field, error)
}

var tables = []table{
	{"select object_id, type, cast(value as integer) from attribute_boolean", booleanField},
	{"select object_id, type, cast(value as integer) from attribute_integer", integerField},
	{"select object_id, type, cast(value as blob) from attribute_binary", binaryField},
	{"select object_id, type, cast(value as blob) from attribute_array", arrayField},
}

func eachRow(db *sql.DB, query string, f func(int64, ck.AttributeType, any) error) error {
	rows, err := db.Query(query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, t int64
		var v any
		if err := rows.Scan(&id, &t, &v); err != nil {
			return err
		}
		if err := f(id, ck.AttributeType(t), v); err != nil {
			return err
		}
	}
	return rows.Err()
}

func booleanField(t ck.AttributeType, v any) (field, error) {
	n, ok := v.(int64)
	if !ok {
		return field{}, importer.Formatf("%v is no boolean", t)
	}
	return field{kindBool, ck.Bool(t, n != 0)}, nil
}

func integerField(t ck.AttributeType, v any) (field, error) {
	n, ok := v.(int64)
	if !ok {
		return field{}, importer.Formatf("%v is no number", t)
	}
	return field{kindNumber, ck.Ulong(t, normal(uint64(n)))}, nil
}

func binaryField(t ck.AttributeType, v any) (field, error) {
	b, ok := v.([]byte)
	if !ok && v != nil {
		return field{}, importer.Formatf("%v is no byte string", t)
	}
	if !mechanismSets[t] {
		return field{kindBytes, ck.Bytes(t, b)}, nil
	}
	for _, image := range images {
		if set, ok := image.set(b); ok {
			return field{kindMechanisms, ck.Bytes(t, set)}, nil
		}
	}
	return field{}, importer.Formatf("%v is no list of mechanisms", t)
}

// set reads b as a list of mechanism types: numbers of 16 bits, or vendors' own, that
// ascend.
func (r reader) set(b []byte) (out []byte, ok bool) {
	r.rest = b
	last := int64(-1)
	for len(r.rest) > 0 && !r.bad {
		n := r.number()
		if n&^uint64(ck.CKM_VENDOR_DEFINED) >= 1<<16 || int64(n) <= last {
			return nil, false
		}
		last = int64(n)
		out = ck.AppendUlong(out, n)
	}
	return out, !r.bad
}

func arrayField(t ck.AttributeType, v any) (field, error) {
	b, ok := v.([]byte)
	if !ok && v != nil {
		return field{}, importer.Formatf("%v is no list of attributes", t)
	}
	for _, image := range images {
		image.rest = b
		if nested := image.attributes(); !image.bad {
			return field{kindAttributes, ck.Attribute{Type: t, Nested: nested.template()}}, nil
		}
	}
	return field{}, fmt.Errorf("%w: %v is no list of attributes", importer.ErrFormat, t)
}
