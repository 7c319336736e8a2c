// Package acvp reads the vectors of NIST's Automated Cryptographic Validation Protocol:
// prompts with the answers that were expected, in JSON. They come from Go modules, see
// sources. A set that is missing, that has no cases, or a prompt without its answer is an
// error: a test that runs nothing must not pass.
package acvp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// fields are what an object of JSON has.
type fields = map[string]json.RawMessage

// A set is the tests of one algorithm in one mode: a prompt, or the answers to it.
type set struct {
	Algorithm string  `json:"algorithm"`
	Mode      string  `json:"mode"`
	Groups    []group `json:"testGroups"`
}

// group is tests that share fields.
type group struct {
	ID     int
	Tests  []fields
	common fields
}

// UnmarshalJSON keeps apart what the tests share.
func (g *group) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &g.common); err != nil {
		return err
	}
	err := errors.Join(json.Unmarshal(g.common["tgId"], &g.ID), json.Unmarshal(g.common["tests"], &g.Tests))
	delete(g.common, "tests")
	return err
}

// Keys lists what can be loaded: the names of the sets, with a slash and the mode where
// there is one. A file of the source may have several of different modes.
var Keys = sync.OnceValues(keys)

func keys() (list []string, err error) {
	for i := range sources {
		s := &sources[i]
		names, err := s.names()
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			prompts, err := s.load(s.prompts, name)
			if err != nil {
				return nil, err
			}
			for j := range prompts {
				list = append(list, prompts[j].key(name))
			}
		}
	}
	return slices.Compact(list), nil
}

func (s *set) key(name string) string {
	if s.Mode == "" {
		return name
	}
	return name + "/" + s.Mode
}

// Load reads the cases of a key, see Keys, in the order of the prompt.
func Load(key string) ([]*Case, error) {
	name, _, _ := strings.Cut(key, "/")
	s, err := sourceOf(name)
	if err != nil {
		return nil, err
	}
	prompts, err := s.load(s.prompts, name)
	if err != nil {
		return nil, err
	}
	answers, err := s.load(s.answers, name)
	if err != nil {
		return nil, err
	}
	return join(key, prompts, answers)
}

// join makes cases of the sets of a key.
func join(key string, prompts, answers []set) (cases []*Case, err error) {
	name, _, _ := strings.Cut(key, "/")
	if len(prompts) != len(answers) {
		return nil, fmt.Errorf("%s: %d prompts and %d answers", name, len(prompts), len(answers))
	}
	for i := range prompts {
		if p := &prompts[i]; p.key(name) == key {
			more, err := p.join(&answers[i])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			cases = append(cases, more...)
		}
	}
	if len(cases) == 0 {
		return nil, fmt.Errorf("%s: no cases", key)
	}
	return cases, nil
}

// join pairs each test of the prompt with its answer. Some answers do not say the mode.
func (s *set) join(answers *set) (cases []*Case, err error) {
	if s.Algorithm != answers.Algorithm || answers.Mode != "" && s.Mode != answers.Mode || len(s.Groups) != len(answers.Groups) {
		return nil, fmt.Errorf("the answers are to %s %s", answers.Algorithm, answers.Mode)
	}
	for i := range s.Groups {
		g, answer := &s.Groups[i], &answers.Groups[i]
		if g.ID != answer.ID || len(g.Tests) != len(answer.Tests) || len(g.Tests) == 0 {
			return nil, fmt.Errorf("group %d: the answers are to group %d, or another number of tests", g.ID, answer.ID)
		}
		for j, test := range g.Tests {
			c := &Case{Where: fmt.Sprintf("%s %s, group %d, test %s", s.Algorithm, s.Mode, g.ID, test["tcId"]), Algorithm: s.Algorithm, fields: fields{}}
			if err := c.take(g.common, answer.common, test, answer.Tests[j]); err != nil {
				return nil, err
			}
			cases = append(cases, c)
		}
	}
	return cases, nil
}

// take adds fields, of which one may come again only if it says the same.
func (c *Case) take(from ...fields) error {
	for _, f := range from {
		for name, value := range f {
			if old, is := c.fields[name]; is && !bytes.Equal(old, value) {
				return fmt.Errorf("%s: %s is both %s and %s", c.Where, name, old, value)
			}
		}
		maps.Copy(c.fields, f)
	}
	return nil
}
