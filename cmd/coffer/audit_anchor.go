package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/seal/tpm"
)

// anchorOptions are the flags of what binds the home to a TPM.
type anchorOptions struct {
	tpm    bool
	device string
}

func (o *anchorOptions) register(c *cobra.Command, usage string) {
	c.Flags().BoolVar(&o.tpm, "tpm", false, usage)
	c.Flags().StringVar(&o.device, "device", tpm.Device, "`FILE` of the TPM 2.0, or socket of swtpm")
}

// counter is that of the home whose log has a name.
func (o *anchorOptions) counter(log string) hsm.Counter { return tpm.NewCounter(o.device, log) }

// anchor binds the home to the TPM, and prints the checkpoint that this has led to.
func (t *tool) anchor(o *anchorOptions) error {
	return t.withModule(func(m *hsm.Module) error {
		if _, err := m.Anchor(o.counter); err != nil {
			return anchorError(err)
		}
		return m.HomeLog(func(l *audit.Log) error { return t.printCheckpoint(l, false) })
	})
}

// verifyAnchor holds the home against the TPM, if that was asked for, and returns the
// heads that the logs of partitions had and the value of the counter.
func (t *tool) verifyAnchor(o *anchorOptions) (heads []audit.Checkpoint, at *uint64, err error) {
	if !o.tpm {
		return nil, nil, nil
	}
	err = t.withModule(func(m *hsm.Module) error {
		var value uint64
		if heads, value, err = m.VerifyAnchor(o.counter); err == nil {
			at = &value
		}
		return anchorError(err)
	})
	return heads, at, err
}

// anchorError says what to do about an anchor that does not hold.
func anchorError(err error) error {
	for e, hint := range map[error]string{
		hsm.ErrOlderHome:    "find out who put it back; to go on knowingly: coffer audit checkpoint --tpm",
		hsm.ErrNotAnchored:  "coffer audit checkpoint --tpm",
		hsm.ErrOtherCounter: "if the TPM was exchanged or cleared: coffer audit checkpoint --tpm",
		tpm.ErrNoCounter:    "if the TPM was exchanged or cleared: coffer audit checkpoint --tpm",
	} {
		if errors.Is(err, e) {
			return hintf(hint, "%w", err)
		}
	}
	return tpmAdvice(err)
}
