package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

const checkText = `Read everything in the home and tell what is wrong with it: files, modes and owners,
what seals the root key, and of each partition the file of its store, every value
and record in it, and whether all that was written is there. With PARTITIONS, by
label, serial number or slot, only those, and the home itself.

Nothing is changed. Without --login, the seals of private objects are not tried; that
none of them was changed is known all the same. --login tries the user PIN of each
partition that has some, or the SO PIN with --so-pin-file, which counts as any login does.

--repair moves what is damaged into a new directory "quarantine-TIME" of the home, in
full, and never deletes anything: what killed processes left, files, values and
records. What is missing and has nothing of its own in it, coffer.home and store.lock,
is made again. What cannot be opened as a whole is moved, what holds the PINs and their
wrong tries is taken out, and records that are not those that were written are gone on
with, only if the partition is named; so is one of two copies of a partition. To take a record out it takes a PIN, so that all others
have been opened. Make a copy of the home first.

The exit code is 1 if something is wrong, and was not mended or moved aside; 3 or 4 if
it is a PIN alone.`

// checkView is the JSON of coffer check.
type checkView struct {
	Home       string             `json:"home"`
	Sound      bool               `json:"sound"`
	Partitions []checkedView      `json:"partitions"`
	Findings   []checkFindingView `json:"findings"`
	Quarantine string             `json:"quarantine"` // "" if nothing was moved
}

type checkedView struct {
	Slot     uint64 `json:"slot"`
	Label    string `json:"label"` // "" if it is not authentic
	Serial   string `json:"serial"`
	Records  int    `json:"records"`
	Unopened int    `json:"unopened"` // private ones, whose seals were not tried
}

type checkFindingView struct {
	Kind   string `json:"kind"` // "problem" or "note"
	Where  string `json:"where"`
	What   string `json:"what"`
	Advice string `json:"advice"`
	Moved  string `json:"moved_to"` // "" if it was not
	Mended string `json:"mended"`   // what was done about it in its place; "" if nothing
}

func newCheck(t *tool) *cobra.Command {
	var repair, login bool
	c := &cobra.Command{
		Use:               "check [PARTITION...]",
		Short:             "Read everything and tell what is damaged",
		Long:              checkText,
		Example:           "  coffer check\n  coffer check demo --login --pin-file user.pin\n  coffer check --repair",
		ValidArgsFunction: completePartition,
		RunE:              func(_ *cobra.Command, args []string) error { return t.check(args, repair, login) },
	}
	c.Flags().BoolVar(&repair, "repair", false, "move what is damaged aside")
	c.Flags().BoolVar(&login, "login", false, "try the seals of private objects as well, with the user PIN")
	t.userFlags(c)
	t.so.register(c)
	t.jsonFlag(c)
	t.yesFlag(c)
	return c
}

func (t *tool) check(names []string, repair, login bool) error {
	bar := t.progress("Checking records")
	defer bar.end()
	o := hsm.CheckOptions{Partitions: names, Repair: repair, Progress: bar.set}
	if login || t.user.file != "" || t.so.file != "" {
		forget, err := t.keepPIN()
		if err != nil {
			return err
		}
		defer forget()
		o.PIN = func(label string) (hsm.Login, error) {
			bar.end()
			if t.so.file != "" {
				pin, err := t.so.read(t, "SO PIN of "+quote(label))
				return hsm.Login{User: ck.CKU_SO, PIN: pin}, err
			}
			pin, err := t.user.read(t, "User PIN of "+quote(label))
			return hsm.Login{User: ck.CKU_USER, Name: t.userName, PIN: pin}, err
		}
	}
	if repair && !t.yes {
		if err := t.confirm("What is damaged is moved aside, into a new directory of the home."); err != nil {
			return err
		}
	}
	r, err := hsm.Check(hsm.FromEnvironment(), o)
	bar.end()
	if err != nil {
		return err
	}
	v := viewReport(r)
	if err := t.show(v, func(w io.Writer) { printReport(w, v) }); err != nil {
		return err
	}
	if v.Sound {
		return nil
	}
	problems := countProblems(v)
	if err := t.refusedLogin(r, problems); err != nil {
		return err
	}
	return fmt.Errorf("problems found: %d", problems)
}

// refusedLogin explains that a PIN opened nothing, with its exit code and hint, if that is
// all that is wrong; nil if it is not.
func (t *tool) refusedLogin(r *hsm.Report, problems int) (err error) {
	user := ck.CKU_USER
	if t.so.file != "" {
		user = ck.CKU_SO
	}
	for _, p := range r.Partitions {
		if p.Login == nil {
			continue
		}
		problems--
		if _, ofPIN := pinAdvice[ck.Code(p.Login)]; ofPIN && err == nil {
			err = pinErrorOf(p.Login, p.Label, user)
		}
	}
	if problems != 0 {
		return nil
	}
	return err
}

// keepPIN reads the PIN of the check where nobody has to be asked for it, once for all
// partitions: a pipe and the environment give it no second time.
func (t *tool) keepPIN() (forget func(), err error) {
	from := &t.user
	if t.so.file != "" {
		from = &t.so
	}
	pin, err := from.stored(t)
	if pin == nil || err != nil {
		return func() {}, err
	}
	from.given = pin
	return func() {
		from.given = nil
		pin.Zero()
	}, nil
}

func viewReport(r *hsm.Report) checkView {
	v := checkView{Home: r.Home, Sound: r.Sound(), Quarantine: r.Quarantine, Partitions: []checkedView{}, Findings: []checkFindingView{}}
	for _, p := range r.Partitions {
		v.Partitions = append(v.Partitions, checkedView{uint64(p.Slot), p.Label, p.Serial, p.Records, p.Unopened})
	}
	for _, f := range r.Findings {
		kind := "problem"
		if f.Note {
			kind = "note"
		}
		v.Findings = append(v.Findings, checkFindingView{kind, f.Where, oneLine(f.What), f.Advice, f.Moved, f.Mended})
	}
	return v
}

// countProblems counts what is wrong and still in its place.
func countProblems(v checkView) (n int) {
	for _, f := range v.Findings {
		if f.Kind == "problem" && f.Moved == "" && f.Mended == "" {
			n++
		}
	}
	return n
}

func printReport(w io.Writer, v checkView) {
	rows := make([][]string, len(v.Partitions))
	for i, p := range v.Partitions {
		rows[i] = []string{strconv.FormatUint(p.Slot, 10), orDash(plain(p.Label)), orDash(p.Serial), strconv.Itoa(p.Records), strconv.Itoa(p.Unopened)}
	}
	fmt.Fprintf(w, "Home: %s\n", plain(v.Home))
	if len(rows) > 0 {
		printTable(w, []string{"SLOT", "LABEL", "SERIAL", "RECORDS", "NOT OPENED"}, rows)
	}
	for _, f := range v.Findings {
		fmt.Fprintf(w, "%s: %s: %s", f.Kind, sentence(f.Where), sentence(f.What))
		switch {
		case f.Moved != "":
			fmt.Fprintf(w, "; moved to %s", sentence(f.Moved))
		case f.Mended != "":
			fmt.Fprintf(w, "; %s", sentence(f.Mended))
		case f.Advice != "":
			fmt.Fprintf(w, "; %s", sentence(f.Advice))
		}
		fmt.Fprintln(w)
	}
	if v.Sound {
		fmt.Fprintln(w, "Everything is in order.")
	}
}
