package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
)

// versionView is the JSON of coffer version.
type versionView struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion(t *tool) *cobra.Command {
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Print the version of Coffer and of the Go it was built with.",
		Example: "  coffer version\n  coffer version --json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			v := versionView{hsm.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			return t.show(v, func(w io.Writer) {
				fmt.Fprintf(w, "coffer %s (%s, %s)\n", v.Version, v.Go, v.Platform)
			})
		},
	}
	t.jsonFlag(c)
	return c
}
