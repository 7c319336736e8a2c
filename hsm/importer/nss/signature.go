package nss

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/importer/pbes2"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// The names of the signatures in metaData begin so, by the database of the object.
const (
	keySignature  = "sig_key_"
	certSignature = "sig_cert_"
)

// errUnsigned is of a sealed attribute without a signature, of an object that has others.
var errUnsigned = errors.New("its signature is missing")

// readSignatures reads all signatures, by name: those of both databases are in key4.db.
func readSignatures(db *sql.DB) (map[string][]byte, error) {
	rows, err := db.Query("select id, cast(item1 as blob) from metaData where id like 'sig!_%' escape '!'")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string][]byte{}
	for rows.Next() {
		var name string
		var value []byte
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		all[name] = value
	}
	return all, rows.Err()
}

// table opens and checks the values of a table.
type table struct {
	*Database
	password         *secret.Bytes
	file, name       string
	signatures       string // what the names of its signatures begin with
	sealed, required bool   // whether values are sealed; whether the object's are signed
}

// object says of which object the next values are.
func (t *table) object(id uint32) {
	t.required = false
	for name := range t.Database.signatures {
		t.required = t.required || strings.HasPrefix(name, fmt.Sprintf("%s%08x_", t.signatures, id))
	}
}

// open is the plain value of an attribute, if it is authentic as far as that can be told.
// A sealed value is signed for no object, one in the clear for its own (FORMAT.md).
func (t *table) open(id uint32, a ck.AttributeType, v []byte) ([]byte, error) {
	isSealed := t.sealed && sealed[a] && len(v) > 0
	of := id
	if isSealed {
		plain, err := t.unseal(v, t.password)
		if err != nil {
			return nil, err
		}
		defer plain.Zero()
		v, of = append([]byte{}, plain.Expose()...), 0
	}
	signature, signed := t.Database.signatures[fmt.Sprintf("%s%08x_%08x", t.signatures, id, uint32(a))]
	switch {
	case signed:
		if err := t.verify(signature, of, a, v); err != nil {
			clear(v)
			return nil, err
		}
	case isSealed && t.required:
		clear(v)
		return nil, importer.Formatf("%v: %v", a, errUnsigned)
	}
	return v, nil
}

// verify checks the signature of an attribute's plain value.
func (t *table) verify(signature []byte, id uint32, a ck.AttributeType, plain []byte) error {
	key := t.key(t.password)
	defer clear(key[:])
	address := binary.BigEndian.AppendUint32(nil, id)
	address = binary.BigEndian.AppendUint32(address, uint32(a))
	switch err := pbes2.VerifyMAC(signature, key[:], address, plain); {
	case errors.Is(err, pbes2.ErrUnsupported):
		return fmt.Errorf("%v: its signature: %w: %w", a, importer.ErrUnsupported, err)
	case err != nil:
		return importer.Formatf("%v: its signature: %v", a, err)
	}
	return nil
}
