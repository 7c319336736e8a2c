package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/seal/tpm"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// tpmOptions are the flags of a TPM.
type tpmOptions struct {
	device string
	pcrs   []uint
}

func (o *tpmOptions) register(c *cobra.Command) {
	c.Flags().StringVar(&o.device, "device", "", "`FILE` of a TPM 2.0, or socket of swtpm (default "+tpm.Device+", or where it was)")
}

func (o *tpmOptions) registerNew(c *cobra.Command) {
	o.register(c)
	c.Flags().UintSliceVar(&o.pcrs, "pcrs", nil, "bind what a TPM seals to these `PCRS` of SHA-256, such as 0,7")
}

// newTPMSeal seals a key with the TPM. In the place of a copy it is bound as that was.
func newTPMSeal(_ *tool, o *sealOptions) (*seal.Sealer, error) {
	device, pcrs := o.tpm.device, o.tpm.pcrs
	if o.former != nil && o.former.Kind == seal.KindTPM {
		formerDevice, formerPCRs := tpm.Params(o.former)
		if device == "" && !configuration().Foreign() {
			device = formerDevice
		}
		if pcrs == nil {
			pcrs = formerPCRs
		}
	}
	if device == "" {
		device = tpm.Device
	}
	with, err := tpm.New(device, pcrs)
	return with, tpmAdvice(err)
}

// tpmKey has the TPM open a copy. In another user's home, root does not open what the copy
// says is the TPM: it could be any device.
func tpmKey(_ *tool, o *sealOptions, s *seal.Slot) (*secret.Bytes, error) {
	device := o.tpm.device
	if device == "" && configuration().Foreign() {
		device = tpm.Device
	}
	key, err := tpm.Method{Device: device}.Key(s)
	return key, tpmAdvice(err)
}

// tpmAdvice says what to do about an error of a TPM.
func tpmAdvice(err error) error {
	for e, hint := range map[error]string{
		tpm.ErrGone:  "name the TPM with --device, and see that this user may open it; or unlock another sealed copy",
		tpm.ErrOther: "unlock another sealed copy, and then: coffer seal rekey",
		tpm.ErrPCRs:  "unlock another sealed copy, and if the change was meant: coffer seal rekey",
	} {
		if errors.Is(err, e) {
			return hintf(hint, "%w", err)
		}
	}
	return err
}
