// Package sqlite reads the SQLite files of other stores: it never writes to one, nor
// to the directory that it is in.
package sqlite

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"

	"github.com/coffer-hsm/coffer/hsm/importer"
)

// header is what every SQLite 3 file begins with (file format, section 1.3).
const header = "SQLite format 3\x00"

// companions are the files beside a database that hold changes it does not have yet.
var companions = []string{"-wal", "-journal"}

// Open opens a file to read it, as it stands on the disk: ErrFormat, or ErrBusy if a
// program has written beside it what is not in it yet.
func Open(path string) (*sql.DB, error) {
	if err := check(path); err != nil {
		return nil, err
	}
	for _, c := range companions {
		if info, err := os.Stat(path + c); err == nil && info.Size() > 0 {
			return nil, fmt.Errorf("%w: %s is there: let the program that owns the database finish", importer.ErrBusy, path+c)
		}
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "file", Path: abs, RawQuery: "mode=ro&immutable=1&_query_only=1"}
	db, err := sql.Open("sqlite3", u.String())
	if err != nil {
		return nil, importer.Formatf("%s: %v", path, err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

func check(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, len(header))
	if n, _ := f.Read(b); n != len(b) || string(b) != header {
		return importer.Formatf("%s is not an SQLite database", path)
	}
	return nil
}

// Error names the file in what went wrong with it.
func Error(path string, err error) error {
	return importer.Formatf("%s: %v", path, err)
}
