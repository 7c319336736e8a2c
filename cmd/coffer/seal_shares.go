package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/seal/share"
)

const sealSharesText = `Show the sets of shares that open the home, or check shares that are in files (- asks
for one at the terminal). Nobody needs the other shares for that, and the home stays
locked. The shares themselves are not in the home: only their custodians have them.

A share that is checked is one that was handed out, whole and unchanged. The exit code
is 1 if one is not.`

// shareSetView is the JSON of a set of shares.
type shareSetView struct {
	Name   string `json:"name"` // of the sealed copy
	Set    string `json:"set"`
	Needed int    `json:"needed"`
	Total  int    `json:"total"`
	Root   string `json:"root_key"`
}

// checkedShareView is the JSON of a share that was checked.
type checkedShareView struct {
	File    string `json:"file"`
	Name    string `json:"name"`   // of the sealed copy that it is of; "" if it is of none
	Number  int    `json:"number"` // 0 if it cannot be read, and so are the next two
	Needed  int    `json:"needed"`
	Total   int    `json:"total"`
	Problem string `json:"problem"` // "" if it is good
}

func newSealShares(t *tool) *cobra.Command {
	var o collectOptions
	c := &cobra.Command{
		Use:     "shares [FILE]...",
		Short:   "Show the sets of shares, or check shares",
		Long:    sealSharesText,
		Example: "  coffer seal shares\n  coffer seal shares alice.share\n  coffer seal shares bob.share.age --identity bob.key",
		RunE: func(_ *cobra.Command, args []string) error {
			return withSeals(func(s *hsm.Seals) error {
				names, sets, err := shareSets(s)
				if err != nil {
					return err
				}
				if len(args) == 0 {
					return t.showSets(names, sets)
				}
				return t.checkShares(names, sets, args, &o)
			})
		},
	}
	o.registerIdentity(c)
	t.jsonFlag(c)
	return c
}

// shareSets lists the sealed copies that are opened by shares, with their sets.
func shareSets(s *hsm.Seals) (names []string, sets []share.Known, err error) {
	list, _, err := s.List()
	for _, e := range list {
		if e.Err != nil || e.Slot.Kind != seal.KindShares {
			continue
		}
		k, err := knownShares(e.Slot)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		names, sets = append(names, e.Name), append(sets, k)
	}
	return names, sets, err
}

func (t *tool) showSets(names []string, sets []share.Known) error {
	views := []shareSetView{}
	var rows [][]string
	for i, k := range sets {
		v := shareSetView{names[i], fmt.Sprintf("%x", k.ID), k.Needed, k.Total, fmt.Sprintf("%x", k.Of)}
		views = append(views, v)
		rows = append(rows, []string{v.Name, v.Set, strconv.Itoa(v.Needed), strconv.Itoa(v.Total), v.Root})
	}
	return t.show(views, func(w io.Writer) {
		printTable(w, []string{"NAME", "SET", "NEEDED", "SHARES", "ROOT KEY"}, rows)
	})
}

// checkShares holds each share to the sets there are.
func (t *tool) checkShares(names []string, sets []share.Known, files []string, o *collectOptions) error {
	views := []checkedShareView{}
	var problems []error
	for _, path := range files {
		v, err := checkShare(names, sets, path, o)
		if err != nil {
			problems = append(problems, err)
			v.Problem = oneLine(err.Error())
		}
		v.File = path
		views = append(views, v)
	}
	err := t.show(views, func(w io.Writer) {
		for _, v := range views {
			if v.Problem == "" {
				fmt.Fprintf(w, "%s: share %d of %d of %s, which takes %d: good\n", plain(v.File), v.Number, v.Total, v.Name, v.Needed)
			}
		}
	})
	return errors.Join(append(problems, err)...)
}

func checkShare(names []string, sets []share.Known, path string, o *collectOptions) (v checkedShareView, err error) {
	s, err := getShare(path, o)
	if err != nil {
		return v, err
	}
	if s == nil {
		return v, errors.New("no share was given")
	}
	defer s.Zero()
	v.Number, v.Needed, v.Total = s.Number, s.Needed, s.Total
	err = errors.New("no sealed copy of the root key is opened by shares: coffer seal add shares")
	for i, k := range sets {
		if err = k.Refuses(s); err == nil {
			v.Name = names[i]
			return v, nil
		}
		if k.ID == s.ID {
			break // it claims to be of this set: that is what is wrong with it
		}
	}
	return v, fmt.Errorf("%s: %w", plain(path), err)
}

// getShare reads a share, or asks for it.
func getShare(path string, o *collectOptions) (s *share.Share, err error) {
	if path != "-" {
		return readShare(path, o.identities)
	}
	err = withTerminal(func(tty *os.File) error {
		fmt.Fprintln(tty, "Type the four lines of the share.")
		s, err = askShare(tty)
		fmt.Fprint(tty, clearScreen)
		return err
	})
	return s, err
}
