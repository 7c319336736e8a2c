package acvp

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// A source is a Go module that has vectors in its files. Modules with no package that is
// imported here cannot be pinned in go.mod, and nobody who only builds should load them:
// they are pinned below, and fetched by those tests that want them.
type source struct {
	module, version string
	// sum is that of go.sum, over all files of the module.
	sum string
	// prompts and answers are the files; the star stands for the name of the set.
	prompts, answers string
	open             func(io.Reader) (io.Reader, error)

	once sync.Once
	dir  string
	err  error
}

// sources are the vectors that Go's own FIPS 140-3 module is tested with, as NIST's server
// gave and judged them, one test of each group; and whole sets of ACVP-Server.
var sources = []source{
	{
		module: "github.com/geomys/acvp-testdata", version: "v0.0.0-20251201200548-d893de8b8b1c",
		sum:     "h1:W9bTdyWTJoakpzDOLR5BNKaGjYAmoaJOioBztGGWI98=",
		prompts: "vectors/*.bz2", answers: "expected/*.bz2",
		open: func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil },
	},
	{
		module: "github.com/cloudflare/circl", version: "v1.6.5",
		sum:     "h1:O64F26HEqNhznd/hrC5KZXVKYuKM2rx4deZDTc4ihQA=",
		prompts: "kem/mlkem/testdata/*/prompt.json.gz", answers: "kem/mlkem/testdata/*/expectedResults.json.gz",
		open: func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	},
}

// fetch finds the module in the cache of the go command, which downloads it if need be.
func (s *source) fetch() (dir string, err error) {
	s.once.Do(func() { s.dir, s.err = download(s.module+"@"+s.version, s.sum) })
	return s.dir, s.err
}

// download has the go command fetch a module of that sum. It runs outside of any module,
// so that no go.sum is changed.
func download(module, sum string) (dir string, err error) {
	cmd := exec.Command("go", "mod", "download", "-json", module)
	cmd.Dir = os.TempDir()
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := cmd.Output()
	var got struct{ Dir, Sum, Error string }
	if failed := new(exec.ExitError); err != nil && !errors.As(err, &failed) {
		return "", err
	}
	if err := json.Unmarshal(out, &got); err != nil {
		return "", fmt.Errorf("go mod download %s: %w", module, err)
	}
	if got.Error != "" {
		return "", errors.New(got.Error)
	}
	if got.Sum != sum {
		return "", fmt.Errorf("%s has the sum %s, not %s", module, got.Sum, sum)
	}
	return got.Dir, nil
}

// names lists the sets.
func (s *source) names() ([]string, error) {
	dir, err := s.fetch()
	if err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(dir, s.prompts))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s has no %s", s.module, s.prompts)
	}
	before, after, _ := strings.Cut(filepath.Join(dir, s.prompts), "*")
	for i := range paths {
		paths[i] = strings.TrimSuffix(strings.TrimPrefix(paths[i], before), after)
	}
	return paths, nil
}

// sourceOf finds the source of a name.
func sourceOf(name string) (*source, error) {
	for i := range sources {
		s := &sources[i]
		dir, err := s.fetch()
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(filepath.Join(dir, strings.Replace(s.prompts, "*", name, 1))); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%s: no module has vectors of that name", name)
}

// load reads the sets of a name, prompts or answers as the pattern says.
func (s *source) load(pattern, name string) ([]set, error) {
	dir, err := s.fetch()
	if err != nil {
		return nil, err
	}
	text, err := s.read(filepath.Join(dir, strings.Replace(pattern, "*", name, 1)))
	if err != nil {
		return nil, err
	}
	all, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return all, nil
}

func (s *source) read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := s.open(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// parse reads a set, or a list of them that begins with how it was asked for.
func parse(text []byte) ([]set, error) {
	if text = bytes.TrimSpace(text); len(text) > 0 && text[0] != '[' {
		text = bytes.Join([][]byte{[]byte("["), text, []byte("]")}, nil)
	}
	var all []set
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	if len(all) > 0 && all[0].Algorithm == "" {
		all = all[1:]
	}
	return all, nil
}
