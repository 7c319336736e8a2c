package seal

import (
	"errors"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Errors of key files. What is returned wraps one of them and names the file.
var (
	ErrKeyFileMissing    = errors.New("seal: key file missing")
	ErrKeyFileExists     = errors.New("seal: key file exists")
	ErrKeyFilePermission = errors.New("seal: key file not private")
	ErrKeyFileForeign    = errors.New("seal: not a key file")
	ErrKeyFileDamaged    = errors.New("seal: key file damaged")
	ErrKeyFileNewer      = errors.New("seal: key file of a newer version")
)

type keyFile string

// KeyFile unseals with the root key in the file at path.
func KeyFile(path string) Unsealer { return keyFile(path) }

func (f keyFile) Name() string { return "key file " + string(f) }

func (f keyFile) Unseal() (*secret.Bytes, error) { return nil, ErrKeyFileMissing }

// CreateKeyFile writes a new random root key to a new file at path.
func CreateKeyFile(path string) error { return errors.ErrUnsupported }
