package tpm

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// ErrNoCounter says that a TPM has no counter of that name.
var ErrNoCounter = errors.New("the TPM has no such counter: it is another TPM, or it was cleared")

// Counter is an NV index of a TPM that only counts up, whatever becomes of the disk: one
// that is removed and made again goes on above all that the TPM has had (TPM 2.0 Library,
// part 1, "NV Counter"). Whoever may use the TPM may let it count, which is a nuisance;
// nobody can turn it back but by clearing the TPM.
type Counter struct {
	device string
	index  tpm2.TPMHandle
}

// The range of NV indexes that owners give out (TCG Registry of Reserved TPM 2.0 Handles
// and Localities).
const (
	firstIndex = 0x01800000
	indexMask  = 0x003fffff
)

// NewCounter is the counter for a name in the TPM at device, which is not asked yet.
func NewCounter(device, name string) *Counter {
	sum := sha256.Sum256([]byte("coffer counter " + name))
	return &Counter{device, tpm2.TPMHandle(firstIndex | binary.BigEndian.Uint32(sum[:])&indexMask)}
}

// Name names it for people.
func (c *Counter) Name() string { return fmt.Sprintf("TPM counter %08x", uint32(c.index)) }

// Value reads the counter: ErrGone, ErrNoCounter.
func (c *Counter) Value() (value uint64, err error) {
	err = with(c.device, func(t transport.TPM) error {
		value, err = c.read(t)
		return err
	})
	return value, err
}

// Make makes the counter, if there is none, and reads it.
func (c *Counter) Make() (value uint64, err error) {
	err = with(c.device, func(t transport.TPM) error {
		if value, err = c.read(t); !errors.Is(err, ErrNoCounter) {
			return err
		}
		if err := c.define(t); err != nil && !errors.Is(err, tpm2.TPMRCNVDefined) {
			return err
		}
		if err := c.increment(t); err != nil { // it has no value before
			return err
		}
		value, err = c.read(t)
		return err
	})
	return value, err
}

// Increment adds one: ErrGone, ErrNoCounter.
func (c *Counter) Increment() error { return with(c.device, c.increment) }

func (c *Counter) define(t transport.TPM) error {
	_, err := tpm2.NVDefineSpace{
		AuthHandle: tpm2.TPMRHOwner,
		PublicInfo: tpm2.New2B(tpm2.TPMSNVPublic{
			NVIndex: c.index, NameAlg: tpm2.TPMAlgSHA256, DataSize: 8,
			Attributes: tpm2.TPMANV{NT: tpm2.TPMNTCounter, AuthRead: true, AuthWrite: true, OwnerRead: true, OwnerWrite: true, NoDA: true},
		}),
	}.Execute(t)
	return err
}

// auth is the right to use the counter: everybody's. A TPM that was never told to keep
// a counter of this name has none.
func (c *Counter) auth(t transport.TPM) (tpm2.AuthHandle, error) {
	r, err := tpm2.NVReadPublic{NVIndex: c.index}.Execute(t)
	if errors.Is(err, tpm2.TPMRCHandle) {
		return tpm2.AuthHandle{}, ErrNoCounter
	}
	if err != nil {
		return tpm2.AuthHandle{}, err
	}
	public, err := r.NVPublic.Contents()
	if err == nil && public.Attributes.NT != tpm2.TPMNTCounter {
		err = ErrNoCounter
	}
	return tpm2.AuthHandle{Handle: c.index, Name: r.NVName, Auth: tpm2.PasswordAuth(nil)}, err
}

func (c *Counter) increment(t transport.TPM) error {
	auth, err := c.auth(t)
	if err != nil {
		return err
	}
	_, err = tpm2.NVIncrement{AuthHandle: auth, NVIndex: tpm2.NamedHandle{Handle: auth.Handle, Name: auth.Name}}.Execute(t)
	return err
}

func (c *Counter) read(t transport.TPM) (uint64, error) {
	auth, err := c.auth(t)
	if err != nil {
		return 0, err
	}
	r, err := tpm2.NVRead{AuthHandle: auth, NVIndex: tpm2.NamedHandle{Handle: auth.Handle, Name: auth.Name}, Size: 8}.Execute(t)
	if errors.Is(err, tpm2.TPMRCNVUninitialized) {
		return 0, ErrNoCounter // it was defined, and the process killed
	}
	if err != nil {
		return 0, err
	}
	if len(r.Data.Buffer) != 8 {
		return 0, ErrNoCounter
	}
	return binary.BigEndian.Uint64(r.Data.Buffer), nil
}
