package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
)

const sealStatusText = `Show what opens the home, and whether it is unlocked; and a change of the root key
that was cut off, with the command that continues it. Nothing secret is needed. The
exit code is 1 if something is damaged.`

// sealView is the JSON of coffer seal status.
type sealView struct {
	Root     string         `json:"root_key"`    // fingerprint
	KeyFile  bool           `json:"key_file"`    // whether there is a root.key
	Unlocked string         `json:"unlocked_in"` // "" if it is not
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
	Problem  string            `json:"problem"`  // "" if there is none
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
		c := sealCopyView{Name: e.Name}
		if e.Err != nil {
			c.Problem, damaged = oneLine(e.Err.Error()), hintf("remove it, or put a backup back", "a sealed copy of the root key cannot be read")
		} else {
			c.Kind, c.Params, c.Attended = e.Slot.Kind, e.Slot.Params, !hsm.Unattended(e.Slot.Kind)
		}
		v.Copies = append(v.Copies, c)
	}
	if v.Change, err = changeView(s); err != nil {
		return err
	}
	if v.Change != nil && v.Change.Problem != "" {
		damaged = hintf("coffer seal rotate --restart begins the change anew", "the next root key cannot be read")
	}
	if err := t.show(v, func(w io.Writer) { printSeals(w, v) }); err != nil {
		return err
	}
	return damaged
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
		rows = append(rows, []string{hsm.RootKeyName, "the key itself", "by themselves", "ok"})
	}
	for _, c := range v.Copies {
		opens, state := "by themselves", "ok"
		if c.Attended {
			opens = "when unlocked"
		}
		if c.Problem != "" {
			opens, state = "-", c.Problem
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
