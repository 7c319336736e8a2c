package store

// MaxValue is the greatest length in bytes of a record or a named value.
const MaxValue = 16 << 20

const maxName = 255

// checkChange says why a record of this transaction may not be put.
func checkChange(writable bool, value []byte) error {
	switch {
	case !writable:
		return ErrReadOnly
	case len(value) > MaxValue:
		return ErrTooLarge
	}
	return nil
}

// checkMeta does the same for a named value.
func checkMeta(writable bool, name string, value []byte) error {
	if err := checkChange(writable, value); err != nil {
		return err
	}
	if len(name) == 0 || len(name) > maxName {
		return ErrTooLarge
	}
	return nil
}
