package hosttest

import "testing"

// The collector keeps its own pace, also in a host that is a Go program and has
// switched off the collector of that program.
func TestMemory(t *testing.T) {
	t.Setenv("GOGC", "off")
	for part, mebibytes := range map[string]string{"idle": "40", "busy": "64"} {
		t.Run(part, func(t *testing.T) { newTokenHost(t, "memory").mustRun(t, part, mebibytes) })
	}
}
