package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/audit"
)

const auditVerifyText = `Read the whole log and check every record and every checkpoint, and that the store
knows no act that the log does not tell of. Without --partition and --home all logs are
checked, the home's and those of the partitions. A checkpoint says itself which log it
is of.

With --tpm the home is held against the counter of the TPM that it was anchored with
("coffer audit checkpoint --tpm"): a copy that is older than that shows.`

func newAuditVerify(t *tool) *cobra.Command {
	var which logChoice
	var since []string
	var anchor anchorOptions
	c := &cobra.Command{
		Use:     "verify",
		Short:   "Check that the logs are whole, and continue a checkpoint",
		Long:    auditVerifyText,
		Example: "  coffer audit verify\n  coffer audit verify --home\n  coffer audit verify --since /elsewhere/demo.checkpoint",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			kept, err := readCheckpoints(since)
			if err != nil {
				return err
			}
			heads, failed := t.verifyAnchor(&anchor)
			if which.named() {
				err = t.withAudit(&which, func(l *audit.Log) error { return t.verifyAudit("", l, kept, heads) })
			} else {
				err = t.eachAudit(func(name string, l *audit.Log) error { return t.verifyAudit(name+": ", l, kept, heads) })
			}
			return errors.Join(failed, err, unused(kept))
		},
	}
	which.register(c)
	anchor.register(c, "hold the home against the counter of the TPM")
	c.Flags().StringArrayVar(&since, "since", nil, "a checkpoint in `FILE` that was kept elsewhere; may be given again")
	return c
}

// keptCheckpoint is a file with a checkpoint that nobody has checked yet.
type keptCheckpoint struct {
	path, text string
	used       bool
}

func readCheckpoints(paths []string) (kept []*keptCheckpoint, err error) {
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		kept = append(kept, &keptCheckpoint{path: path, text: string(b)})
	}
	return kept, nil
}

// isOf reports whether it claims to be of the log called name: its first line does.
func (k *keptCheckpoint) isOf(name string) bool {
	first, _, _ := strings.Cut(k.text, "\n")
	return first == name
}

// unused fails if there is a checkpoint that is of none of the logs that were checked.
func unused(kept []*keptCheckpoint) (err error) {
	for _, k := range kept {
		if !k.used {
			err = errors.Join(err, fmt.Errorf("%s is a checkpoint of none of the logs that were checked", plain(k.path)))
		}
	}
	return err
}

// earlier opens the checkpoints that are of a log.
func earlier(kept []*keptCheckpoint, l *audit.Log) (list []audit.Checkpoint, err error) {
	for _, k := range kept {
		if !k.isOf(l.Name()) {
			continue
		}
		k.used = true
		c, err := audit.OpenCheckpoint(k.text, l.Verifier())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", plain(k.path), err)
		}
		list = append(list, c)
	}
	return list, nil
}

// verifyAudit checks a log and tells of it, each line after a prefix. heads are of logs of
// all names.
func (t *tool) verifyAudit(prefix string, l *audit.Log, kept []*keptCheckpoint, heads []audit.Checkpoint) error {
	since, err := earlier(kept, l)
	if err != nil {
		return fmt.Errorf("%s%w", prefix, err)
	}
	for _, head := range heads {
		if head.Name == l.Name() {
			since = append(since, head)
		}
	}
	r, err := audit.Verify(l.Dir(), l.Verifier(), since...)
	if err != nil {
		return fmt.Errorf("%s%w", prefix, err)
	}
	say := func(format string, args ...any) { fmt.Fprintf(t.out, prefix+format+"\n", args...) }
	say("the log is sound: %d records", r.Last.Size)
	for _, a := range r.Accepted {
		say("accepted at record %d: %s", a.Seq, plain(a.Detail))
	}
	for _, o := range r.Open {
		say("record %d (%s, process %d) does not say how it ended", o.Seq, plain(string(o.Act)), o.PID)
	}
	for _, b := range r.Lost {
		say("process %d (%s) has not ended its record of uses: at most %d are not in the log", b.PID, plain(b.Program), b.Count)
	}
	return nil
}
