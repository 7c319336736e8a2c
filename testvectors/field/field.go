// Package field reads the fields of NIST's test cases, whatever files they stand in. What
// is not as a test takes it to be is a fault of the test, or of the files: it panics, and
// says where.
package field

import (
	"encoding/hex"
	"fmt"
	"strconv"
)

// Hex reads bytes in hex; a number may have an odd number of digits. where and name say
// which field it is.
func Hex(where, name, digits string) []byte {
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	b, err := hex.DecodeString(digits)
	return must(where, name, b, err)
}

// Int reads a number in decimal.
func Int(where, name, digits string) int {
	n, err := strconv.Atoi(digits)
	return must(where, name, n, err)
}

func must[T any](where, name string, v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("%s: %s: %v", where, name, err))
	}
	return v
}
