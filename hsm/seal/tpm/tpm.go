// Package tpm keeps the key of a sealed root key in a TPM 2.0: the TPM alone opens it,
// and if it was bound to PCRs, only while the machine has booted as it had (FORMAT.md
// of package seal, "TPM").
//
// It is for tools: what talks to a TPM takes package net along, which the PKCS #11
// library does without. Whoever lets programs in at boot runs "coffer seal unlock".
package tpm

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxtpm"
	"github.com/google/go-tpm/tpm2/transport/linuxudstpm"

	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Device is the TPM of a machine, with the kernel's resource manager.
const Device = "/dev/tpmrm0"

// Errors of this package. What is returned wraps one of them or a tpm2.TPMRC.
var (
	ErrGone  = errors.New("no TPM answers there")
	ErrOther = errors.New("it is another TPM than the root key was sealed with, or this one was cleared since")
	ErrPCRs  = errors.New("the TPM refuses: the machine did not boot as it had when the root key was sealed (PCRs)")
	// ErrParams is for PCRs that do not exist, or a sealed copy that is damaged.
	ErrParams = errors.New("PCRs are 0 to 23, each once")
	ErrSlot   = errors.New("what the TPM is to open is damaged")
)

// The parameters of a sealed copy.
const (
	paramDevice  = "device"
	paramPCRs    = "pcrs"
	paramPrimary = "primary"
	paramPublic  = "public"
	paramPrivate = "private"

	maxPCR = 23
)

// Method finds the keys of copies of seal.KindTPM. Device is where the TPM is; empty:
// where it was.
type Method struct{ Device string }

// New makes a Sealer with a random key that the TPM at device has sealed, bound to the
// values that pcrs (of the SHA-256 bank) have now, if there are any: ErrGone, ErrParams.
func New(device string, pcrs []uint) (*seal.Sealer, error) {
	pcrs = slices.Sorted(slices.Values(pcrs))
	if slices.ContainsFunc(pcrs, func(p uint) bool { return p > maxPCR }) || len(slices.Compact(slices.Clone(pcrs))) != len(pcrs) {
		return nil, ErrParams
	}
	device, err := filepath.Abs(device)
	if err != nil {
		return nil, err
	}
	params := map[string]string{paramDevice: device}
	if len(pcrs) > 0 {
		params[paramPCRs] = FormatPCRs(pcrs)
	}
	var key *secret.Bytes
	err = with(device, func(t transport.TPM) error {
		p, err := newPrimary(t)
		if err != nil {
			return err
		}
		defer p.flush()
		key = newKey()
		public, private, err := p.seal(key, pcrs)
		if err != nil {
			return err
		}
		params[paramPrimary] = hex.EncodeToString(p.name.Buffer)
		params[paramPublic] = hex.EncodeToString(public)
		params[paramPrivate] = hex.EncodeToString(private)
		return nil
	})
	if err != nil {
		key.Zero()
		return nil, err
	}
	return &seal.Sealer{Kind: seal.KindTPM, Params: params, Key: key}, nil
}

// Key has the TPM open the key of s: ErrGone, ErrOther, ErrPCRs, ErrSlot.
func (m Method) Key(s *seal.Slot) (key *secret.Bytes, err error) {
	device := m.Device
	if device == "" {
		device, _ = Params(s)
	}
	_, pcrs := Params(s)
	primaryName, err1 := hex.DecodeString(s.Params[paramPrimary])
	public, err2 := hex.DecodeString(s.Params[paramPublic])
	private, err3 := hex.DecodeString(s.Params[paramPrivate])
	if errors.Join(err1, err2, err3) != nil || FormatPCRs(pcrs) != s.Params[paramPCRs] {
		return nil, ErrSlot
	}
	err = with(device, func(t transport.TPM) error {
		p, err := newPrimary(t)
		if err != nil {
			return err
		}
		defer p.flush()
		if !slices.Equal(p.name.Buffer, primaryName) {
			return ErrOther
		}
		key, err = p.unseal(public, private, pcrs)
		return err
	})
	return key, err
}

// Params are the device and the PCRs of a sealed copy.
func Params(s *seal.Slot) (device string, pcrs []uint) {
	for text := range strings.SplitSeq(s.Params[paramPCRs], ",") {
		if n, err := strconv.ParseUint(text, 10, 8); err == nil && n <= maxPCR {
			pcrs = append(pcrs, uint(n))
		}
	}
	return s.Params[paramDevice], pcrs
}

// FormatPCRs writes PCRs with commas between.
func FormatPCRs(pcrs []uint) string {
	var b []byte
	for i, p := range pcrs {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(p), 10)
	}
	return string(b)
}

// with opens the TPM at device, a device or the socket of an emulator, for the time
// of f. An error that the TPM has not given itself is one of the way to it.
func with(device string, f func(transport.TPM) error) error {
	open := linuxtpm.Open
	if info, err := os.Stat(device); err == nil && info.Mode()&os.ModeSocket != 0 {
		open = linuxudstpm.Open
	}
	t, err := open(device)
	if err == nil {
		err = f(t)
		t.Close()
	}
	var code tpm2.TPMRC
	if err == nil || errors.As(err, &code) || errors.Is(err, ErrOther) || errors.Is(err, ErrPCRs) || errors.Is(err, ErrSlot) || errors.Is(err, ErrNoCounter) {
		if err != nil {
			err = fmt.Errorf("TPM %s: %w", device, err)
		}
		return err
	}
	return fmt.Errorf("TPM %s: %w: %w", device, ErrGone, err)
}
