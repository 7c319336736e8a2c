package store

import (
	"errors"
	"time"
)

// Options of a store on disk. The zero value is good.
type Options struct {
	// Log is how many generations back Changes reaches; 0 means 4096.
	Log int
	// Wait is how long a transaction waits for other processes before ErrBusy;
	// 0 means 10 s.
	Wait time.Duration
}

// OpenFile opens the store in dir, which CreateFile made.
func OpenFile(dir string, o Options) (Store, error) { return nil, errors.ErrUnsupported }

// CreateFile makes a store in dir, and dir if need be: ErrExists.
func CreateFile(dir string, o Options) (Store, error) { return nil, errors.ErrUnsupported }

// SetTransactionHook has enter called before a transaction of any Store takes a
// lock, and leave after it gave all of them back.
func SetTransactionHook(enter, leave func()) {}
