package main

import (
	"cmp"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

const sealStatusText = `Show what opens the home, and whether it is unlocked; and a change of the root key
that was cut off, with the command that continues it. Nothing secret is needed. Key
files are read, and a key file that is away, on a stick say, is named; what a person, a
TPM or systemd keeps is not asked for. The exit code is 1 if something is damaged.`

// sealView is the JSON of coffer seal status.
type sealView struct {
	Root     string         `json:"root_key"`         // fingerprint
	KeyFile  bool           `json:"key_file"`         // whether there is a root.key
	Problem  string         `json:"key_file_problem"` // "" if there is none
	Unlocked string         `json:"unlocked_in"`      // "" if it is not
	Copies   []sealCopyView `json:"copies"`
	Stale    []string       `json:"former_root_keys"` // fingerprints of those that copies are left of
	Change   *sealChange    `json:"change"`           // null if none is under way or was cut off
}

// sealChange is a change of the root key that is not finished.
type sealChange struct {
	Next     string   `json:"next_root_key"` // fingerprint; "" if it cannot be read
	Over     bool     `json:"changed_over"`  // whether it is the root key already
	Copies   []string `json:"next_copies"`   // that can be read
	Problem  string   `json:"problem"`       // "" if there is none
	Continue string   `json:"continue"`      // the command that finishes it
}

type sealCopyView struct {
	Name     string            `json:"name"`
	Kind     string            `json:"kind"`
	Params   map[string]string `json:"parameters"`
	Attended bool              `json:"attended"` // whether it takes coffer seal unlock
	Problem  string            `json:"problem"`  // why it does not open the home; "" if nothing is known
}

func newSealStatus(t *tool) *cobra.Command {
	c := &cobra.Command{
		Use:     "status",
		Short:   "Show what opens the home",
		Long:    sealStatusText,
		Example: "  coffer seal status --json",
		Args:    noArguments,
		RunE:    func(*cobra.Command, []string) error { return withSeals(t.sealStatus) },
	}
	t.jsonFlag(c)
	return c
}

func (t *tool) sealStatus(s *hsm.Seals) error {
	list, keyFile, err := s.List()
	if err != nil {
		return err
	}
	stale, err := s.Stale()
	if err != nil {
		return err
	}
	v := sealView{Root: s.Fingerprint(), KeyFile: keyFile, Unlocked: s.Held(), Copies: []sealCopyView{}, Stale: append([]string{}, stale...)}
	var damaged error
	for _, e := range list {
		c, err := viewCopy(s, e)
		damaged = cmp.Or(damaged, err)
		v.Copies = append(v.Copies, c)
	}
	if v.Change, err = changeView(s); err != nil {
		return err
	}
	if keyFile && v.Change == nil { // while it is changed there are two
		if err := s.TryKeyFile(); err != nil {
			v.Problem, damaged = oneLine(err.Error()), hintf(keyHint(err, hsm.RootKeyName), "%s does not open the home", hsm.RootKeyName)
		}
	}
	if v.Change != nil && v.Change.Problem != "" {
		damaged = hintf("coffer seal rotate --restart begins the change anew", "the next root key cannot be read")
	}
	if err := t.show(v, func(w io.Writer) { printSeals(w, v) }); err != nil {
		return err
	}
	return damaged
}

// viewCopy tells of a sealed copy. The error says that it, or the file with its key, is
// damaged; that such a file is not there is no damage.
func viewCopy(s *hsm.Seals, e seal.SlotEntry) (c sealCopyView, damaged error) {
	c.Name = e.Name
	if e.Err != nil {
		c.Problem = oneLine(e.Err.Error())
		return c, hintf(keyHint(e.Err, e.Name), "a sealed copy of the root key cannot be read")
	}
	c.Kind, c.Params, c.Attended = e.Slot.Kind, e.Slot.Params, !hsm.Unattended(e.Slot.Kind)
	if c.Kind != seal.KindKeyFile {
		return c, nil
	}
	err := s.Try(e.Slot)
	if err != nil {
		c.Problem = oneLine(err.Error())
	}
	if err != nil && !errors.Is(err, seal.ErrKeyFileMissing) {
		damaged = hintf(keyHint(err, e.Name), "the key file of %s does not open it", e.Name)
	}
	return c, damaged
}

// keyHint says what to do where name does not open the home because of err: nothing that
// may yet be the only key is to be removed by hand.
func keyHint(err error, name string) string {
	for _, whole := range []error{seal.ErrKeyFilePermission, seal.ErrKeyFileNewer, seal.ErrKeyFileLink} {
		if errors.Is(err, whole) {
			return "do not remove it: what is wrong, and what to do, is said of it above"
		}
	}
	return "put back what was there; or, if something else opens the home: coffer seal remove " + name
}

// changeView tells of a change of the root key; nil if there is none.
func changeView(s *hsm.Seals) (*sealChange, error) {
	c, err := s.Changing()
	if c == nil || err != nil {
		return nil, err
	}
	v := &sealChange{Next: c.Next, Over: c.Over, Copies: []string{}, Continue: "coffer seal rotate"}
	problem := c.Known
	for _, e := range c.Copies {
		if e.Err != nil {
			problem = e.Err
			continue
		}
		v.Copies = append(v.Copies, e.Name)
	}
	if problem != nil {
		v.Problem = oneLine(problem.Error())
	}
	return v, nil
}

// lines tell of a change, for people.
func (c *sealChange) lines() [][2]string {
	state := "cut off, or under way: " + c.Continue + " continues it"
	if !c.Over {
		state += "; with --restart it begins anew"
	}
	lines := [][2]string{{"Change of the root key", state}, {"Next root key", orDash(c.Next)}}
	if len(c.Copies) > 0 {
		lines = append(lines, [2]string{"Sealed copies of it", strings.Join(c.Copies, ", ")})
	}
	if c.Problem != "" {
		lines = append(lines, [2]string{"Problem", c.Problem})
	}
	return lines
}

func printSeals(w io.Writer, v sealView) {
	rows := [][]string{}
	if v.KeyFile {
		rows = append(rows, []string{hsm.RootKeyName, "the key itself", "by themselves", cmp.Or(sentence(v.Problem), "ok")})
	}
	for _, c := range v.Copies {
		opens, state := "by themselves", "ok"
		if c.Attended {
			opens = "when unlocked"
		}
		if c.Problem != "" {
			opens, state = "-", sentence(c.Problem)
		}
		rows = append(rows, []string{c.Name, orDash(c.Kind), opens, state})
	}
	unlocked := "no"
	if v.Unlocked != "" {
		unlocked = "yes, in the " + v.Unlocked
	}
	printFields(w, [][2]string{{"Root key", v.Root}, {"Unlocked", unlocked}})
	if v.Change != nil {
		printFields(w, v.Change.lines())
	}
	for _, root := range v.Stale {
		printFields(w, [][2]string{{"Copies are left of the former root key", root}})
	}
	io.WriteString(w, "\n")
	printTable(w, []string{"NAME", "KIND", "PROGRAMS OPEN IT", "STATE"}, rows)
}
