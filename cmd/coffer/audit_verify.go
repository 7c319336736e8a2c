package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
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
		Example: "  coffer audit verify\n  coffer audit verify --home\n  coffer audit verify --since /elsewhere/demo.checkpoint\n  coffer audit verify --json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			kept, err := readCheckpoints(since)
			if err != nil {
				return err
			}
			return t.verifyAudits(&logVerifier{kept: kept}, &which, &anchor)
		},
	}
	which.register(c)
	anchor.register(c, "hold the home against the counter of the TPM")
	c.Flags().StringArrayVar(&since, "since", nil, "a checkpoint in `FILE` that was kept elsewhere; may be given again")
	t.jsonFlag(c)
	return c
}

// verifiedView is the JSON of coffer audit verify.
type verifiedView struct {
	// Anchor is the value of the TPM's counter, which the home is not older than; null
	// without --tpm, and if the home does not hold against it.
	Anchor *uint64           `json:"anchor"`
	Logs   []verifiedLogView `json:"logs"`
}

// verifiedLogView is one log. Records are as coffer audit export has them.
type verifiedLogView struct {
	Of       string         `json:"of"`  // for people
	Name     string         `json:"log"` // as checkpoints have it; "" if the log cannot be opened
	Sound    bool           `json:"sound"`
	Problem  string         `json:"problem"` // "" if it is sound
	Records  int64          `json:"records"`
	Accepted []audit.Record `json:"accepted"`       // where store and log did not fit, and the SO went on
	Open     []audit.Record `json:"open"`           // that do not say how they ended
	Lost     []audit.Record `json:"uses_not_ended"` // each of a process that may have used keys n times more than is told
}

// logVerifier checks logs, one after the other.
type logVerifier struct {
	kept  []*keptCheckpoint
	heads []audit.Checkpoint // those that a TPM anchors, of logs of all names
	found verifiedView
}

// verifyAudits checks the logs that were chosen, all of them whatever is wrong with one,
// and tells of them.
func (t *tool) verifyAudits(v *logVerifier, which *logChoice, anchor *anchorOptions) error {
	var failed, err error
	v.found.Logs = []verifiedLogView{}
	if v.heads, v.found.Anchor, failed = t.verifyAnchor(anchor); errors.Is(failed, hsm.ErrNoHome) {
		return failed
	}
	if which.named() {
		err = t.withAudit(which, func(l *audit.Log) error { return v.verify("", l, nil) })
	} else {
		err = t.eachAudit(v.verify)
	}
	if err != nil && len(v.found.Logs) == 0 { // an empty list would read as nothing wrong
		return errors.Join(failed, err)
	}
	shown := t.show(v.found, func(w io.Writer) { printVerified(w, v.found) })
	return errors.Join(failed, err, unused(v.kept), shown)
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

// verify checks a log, which failed keeps from being opened. of is the log for people;
// empty: there is only one.
func (v *logVerifier) verify(of string, l *audit.Log, failed error) error {
	found := verifiedLogView{Of: of, Accepted: []audit.Record{}, Open: []audit.Record{}, Lost: []audit.Record{}}
	if failed == nil {
		found.Name = l.Name()
		failed = v.read(l, &found)
	}
	if failed != nil {
		found.Problem = oneLine(failed.Error())
		if of != "" {
			failed = fmt.Errorf("%s: %w", of, failed)
		}
	}
	found.Sound = failed == nil
	v.found.Logs = append(v.found.Logs, found)
	return failed
}

// read reads the whole of a log, and fills in what it tells.
func (v *logVerifier) read(l *audit.Log, found *verifiedLogView) error {
	since, err := earlier(v.kept, l)
	if err != nil {
		return err
	}
	for _, head := range v.heads {
		if head.Name == l.Name() {
			since = append(since, head)
		}
	}
	r, err := audit.Verify(l.Dir(), l.Verifier(), since...)
	if err != nil {
		return err
	}
	found.Records = r.Last.Size
	found.Accepted, found.Open, found.Lost = append(found.Accepted, r.Accepted...), append(found.Open, r.Open...), append(found.Lost, r.Lost...)
	return nil
}

// printVerified tells of the logs that are sound; what is wrong with others is the error.
func printVerified(w io.Writer, v verifiedView) {
	if v.Anchor != nil {
		fmt.Fprintf(w, "the home is not older than its last anchor, at %d\n", *v.Anchor)
	}
	for _, l := range v.Logs {
		if !l.Sound {
			continue
		}
		prefix := ""
		if l.Of != "" {
			prefix = l.Of + ": "
		}
		say := func(format string, args ...any) { fmt.Fprintf(w, "%s"+format+"\n", append([]any{prefix}, args...)...) }
		say("the log is sound: %d records", l.Records)
		for _, a := range l.Accepted {
			say("accepted at record %d: %s", a.Seq, plain(a.Detail))
		}
		for _, o := range l.Open {
			say("record %d (%s, process %d) does not say how it ended", o.Seq, plain(string(o.Act)), o.PID)
		}
		for _, b := range l.Lost {
			say("process %d (%s) has not ended its record of uses: at most %d are not in the log", b.PID, plain(b.Program), b.Count)
		}
	}
}
