package crashtest

import (
	"bufio"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/store/storetest"
)

// slowChild makes a key on a disk that takes a second for every fdatasync, and
// tells of each that begins.
func slowChild(args []string) error {
	k, err := open(args[0], userPIN)
	if err != nil {
		return err
	}
	defer k.Close()
	if err := storetest.SlowSyncs(args[0], time.Second); err != nil {
		return err
	}
	return k.create("slow")
}

// Keys are found and used while another process waits for the disk, and the key
// that it makes is there when it has.
func TestUseWhileAnotherWrites(t *testing.T) {
	dir, before := newToken(t)
	k, err := open(dir, userPIN)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	cmd := storetest.Child("slow", dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	bufio.NewReader(out).ReadString('\n')
	var longest time.Duration
	for range 20 {
		start := time.Now()
		keys, err := k.keys()
		if err != nil || len(keys) != len(before.keys) {
			t.Fatalf("%d keys: %v", len(keys), err)
		}
		longest = max(longest, time.Since(start))
	}
	t.Logf("%d keys found and used in %v at the longest", len(before.keys), longest)
	if longest > 500*time.Millisecond { // on a machine that is busy; waiting would take a second
		t.Errorf("it took %v", longest)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := k.find("slow"); err != nil {
		t.Error(err)
	}
}
