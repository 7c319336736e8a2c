package main

import (
	"cmp"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
)

const statusText = `Show where Coffer keeps its keys, how they are sealed, the partitions, and any
problem found, such as files that others can read or that are damaged.

No PIN is needed. The exit code is 1 if there are problems.`

// statusView is the JSON of coffer status.
type statusView struct {
	Version      string          `json:"version"`
	Home         string          `json:"home"`
	HomeMade     bool            `json:"home_made"`
	ConfigFile   string          `json:"config_file"` // "" if there is none
	Unsealer     string          `json:"unsealer"`
	MemoryLocked bool            `json:"memory_locked"`
	Crypto       cryptoView      `json:"crypto"`
	Partitions   []partitionView `json:"partitions"`
	Problems     []string        `json:"problems"`
}

// cryptoView is what this process does cryptography with: that of another program depends
// on its GODEBUG too.
type cryptoView struct {
	ApprovedMode bool   `json:"approved_mode"`
	GoModule     string `json:"go_module"`             // version of the Go Cryptographic Module
	Certificate  string `json:"go_module_certificate"` // "" if what runs is not validated
	AES          string `json:"aes"`
	RSA          string `json:"rsa"`
}

func newStatus(t *tool) *cobra.Command {
	c := &cobra.Command{
		Use:     "status",
		Short:   "Show the state of everything, and problems",
		Long:    statusText,
		Example: "  coffer status\n  coffer status --json",
		Args:    noArguments,
		RunE:    func(*cobra.Command, []string) error { return t.withModule(t.status) },
	}
	t.jsonFlag(c)
	return c
}

func (t *tool) status(m *hsm.Module) error {
	s := m.Status()
	v := statusView{
		Version: s.Version, Home: s.Home, HomeMade: s.Made, ConfigFile: s.ConfigFile, Unsealer: s.Unsealer, MemoryLocked: s.Locked,
		Crypto:     cryptoView{s.Crypto.Approved, s.Crypto.Version, s.Crypto.Certificate, s.Crypto.AES, s.Crypto.RSA},
		Partitions: viewPartitions(m), Problems: append([]string{}, s.Problems...),
	}
	if err := t.show(v, func(w io.Writer) { printStatus(w, v) }); err != nil {
		return err
	}
	if n := len(v.Problems); n > 0 {
		return fmt.Errorf("problems found: %d", n)
	}
	return nil
}

// mode tells of approved mode and of what is validated, which are not the same.
func (v cryptoView) mode() string {
	switch {
	case !v.ApprovedMode:
		return "off"
	case v.Certificate == "":
		return fmt.Sprintf("on, but the Go Cryptographic Module here (%s) is not validated", v.GoModule)
	}
	return fmt.Sprintf("on, by the Go Cryptographic Module %s, certificate %s; Coffer itself has none", v.GoModule, v.Certificate)
}

// pathNames are the names of implementations for people.
var pathNames = map[string]string{"portable": "Go's standard library", "vaes": "VAES", "aesni": "AES-NI", "ifma": "AVX-512 IFMA"}

func (v cryptoView) paths() string {
	text := cmp.Or(pathNames[v.AES], v.AES) + ", " + cmp.Or(pathNames[v.RSA], v.RSA)
	if v.ApprovedMode && (v.AES != "portable" || v.RSA != "portable") {
		text += ": outside the module, as fips.accelerated says"
	}
	return text
}

func printStatus(w io.Writer, v statusView) {
	config := "none, defaults are used"
	if v.ConfigFile != "" {
		config = plain(v.ConfigFile)
	}
	memory := "locked, never swapped"
	if !v.MemoryLocked {
		memory = "not locked, can reach swap: raise ulimit -l"
	}
	home := plain(v.Home)
	if !v.HomeMade {
		home += " (not made yet: coffer init)"
	}
	printFields(w, [][2]string{
		{"Version", v.Version},
		{"Home", home},
		{"Configuration", config},
		{"Root key", v.Unsealer},
		{"Secrets in memory", memory},
		{"Approved mode", v.Crypto.mode()},
		{"AES, RSA", v.Crypto.paths()},
		{"Partitions", fmt.Sprint(len(v.Partitions))},
		{"Problems", fmt.Sprint(len(v.Problems))},
	})
	if len(v.Partitions) > 0 {
		fmt.Fprintln(w)
		printPartitions(w, v.Partitions)
	}
	if len(v.Problems) > 0 {
		fmt.Fprintln(w, "\nProblems:")
	}
	for _, p := range v.Problems {
		fmt.Fprintf(w, "  %s\n", oneLine(p))
	}
}
