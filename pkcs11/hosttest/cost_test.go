package hosttest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/soak"
)

// barStart is the processor time that C_Initialize may take with 1,000 keys.
const barStart = 60 * time.Millisecond

// A host whose token has 1,000 keys starts quickly and stays under 40 MiB, before and
// after the login, whose Argon2id takes 48 MiB for a moment.
func TestCostOfKeys(t *testing.T) {
	const keys = 1000
	h := newTokenHost(t, "start")
	fill(t, h.home, keys)
	best := time.Hour
	for range 5 { // what else the machine does slows it down, nothing makes it faster
		out := h.mustRun(t, "start")
		us, err := strconv.Atoi(strings.TrimSpace(out))
		if err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		best = min(best, time.Duration(us)*time.Microsecond)
	}
	t.Logf("C_Initialize with %d keys: %v of processor time", keys, best)
	if best > barStart {
		t.Errorf("C_Initialize with %d keys takes %v of processor time, not %v", keys, best, barStart)
	}
	h.mustRun(t, "rest", strconv.Itoa(keys))
}

// fill makes AES keys in the home's only token, in one step: one at a time takes long.
func fill(t *testing.T, home string, n int) {
	t.Helper()
	m, err := hsm.Open(hsm.Config{Home: home})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	p := m.Slots()[0].Partition.(*partition.Partition)
	id, err := p.Login(ck.CKU_USER, []byte("12345678"))
	if err != nil {
		t.Fatal(err)
	}
	keys := make([]ck.Template, n)
	for i := range keys {
		keys[i] = ck.Template{
			ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.Bool(ck.CKA_TOKEN, true),
			ck.String(ck.CKA_LABEL, fmt.Sprintf("key number %06d", i)), ck.Bytes(ck.CKA_VALUE, make([]byte, 32)),
		}
	}
	if _, err := p.ImportObjects(api.Caller{Identity: id, ReadWrite: true}, "test", keys); err != nil {
		t.Fatal(err)
	}
}

// Encryption in parts keeps the rate of single calls and takes no memory by length.
func TestCostOfParts(t *testing.T) {
	h := newTokenHost(t, "stream")
	h.limit = soak.Or(10*time.Minute, h.limit)
	t.Log(h.mustRun(t, "encrypt", soak.Or("1024", "128")))
}
