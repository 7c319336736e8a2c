package audit

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/soak"
	"github.com/coffer-hsm/coffer/hsm/store/storetest"
)

// The test program runs itself again as this.
var children = map[string]func(args []string) error{"append": appender}

func TestMain(m *testing.M) { storetest.Main(m, children) }

// appender appends for ever, and says so after each record.
func appender(args []string) error {
	dir, name := args[0], args[1]
	l, err := Open(dir, testName, testKey(1))
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		detail := fmt.Sprintf("%s/%d", name, i)
		if err := l.Append(Event{Act: Wrap, Detail: detail}); err != nil {
			return err
		}
		fmt.Println(detail)
	}
}

// startAppender starts one appender.
func startAppender(t *testing.T, dir, name string) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	var out strings.Builder
	c := storetest.Child("append", dir, name)
	c.Stdout = &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, &out
}

// TestKilled: of several processes that append, one after another is killed. The log
// verifies, and has every record that was acknowledged, in its process's order.
func TestKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	type run struct {
		*exec.Cmd
		out *strings.Builder
	}
	var all []run
	begin := func() run {
		c, out := startAppender(t, dir, strconv.Itoa(len(all)))
		all = append(all, run{c, out})
		return all[len(all)-1]
	}
	live := []run{begin(), begin(), begin(), begin()}
	random := soak.Random(t)
	for range soak.Or(500, 60) {
		time.Sleep(time.Duration(random.IntN(40)) * time.Millisecond)
		i := random.IntN(len(live))
		_ = live[i].Process.Kill()
		_ = live[i].Wait()
		live[i] = begin()
	}
	for _, r := range live {
		_ = r.Process.Kill()
		_ = r.Wait()
	}
	w := &twin{t: t, dir: dir}
	w.reopen()
	w.must(w.log.Append(Event{Act: Logout}))
	at := map[string]int64{}
	for _, r := range w.verify() {
		at[r.Detail] = r.Seq
	}
	for _, r := range all {
		last := int64(-1)
		for _, said := range strings.Fields(r.out.String()) {
			seq, there := at[said]
			if !there || seq <= last {
				t.Fatalf("%s was acknowledged and is at %d, after %d", said, seq, last)
			}
			last = seq
		}
	}
	t.Logf("%d records of %d processes", len(at), len(all))
}
