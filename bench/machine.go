package bench

import (
	"os"
	"runtime"
	"slices"
	"strings"
)

// A Machine is what of a computer figures depend on. It has no name.
type Machine struct {
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	// Flags are those of the processor's features that cryptography uses.
	Flags []string `json:"flags"`
	Go    string   `json:"go"`
	OS    string   `json:"os"`
}

// telling are the features that decide which code runs.
var telling = []string{
	"adx", "aes", "asimd", "avx2", "avx512f", "avx512ifma", "avx512vbmi", "bmi2", "pclmulqdq", "pmull", "rdseed",
	"sha2", "sha512", "sha_ni", "vaes", "vpclmulqdq",
}

// Describe describes the machine at hand.
func Describe() Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH}
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m
	}
	fields := cpuFields(string(text))
	m.CPU = fields["model name"]
	if at := fields["cpu family"]; at != "" {
		m.CPU += ", family " + at + " model " + fields["model"]
	}
	for _, flag := range strings.Fields(fields["flags"] + " " + fields["Features"]) {
		if slices.Contains(telling, flag) {
			m.Flags = append(m.Flags, flag)
		}
	}
	slices.Sort(m.Flags)
	return m
}

// cpuFields reads the first processor of /proc/cpuinfo.
func cpuFields(text string) map[string]string {
	fields := map[string]string{}
	first, _, _ := strings.Cut(text, "\n\n")
	for line := range strings.Lines(first) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return fields
}
